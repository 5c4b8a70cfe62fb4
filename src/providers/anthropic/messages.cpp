#include "providers/anthropic/anthropic.hpp"
#include "providers/json_tools.hpp"
#include "providers/media_wire.hpp"
#include "providers/state.hpp"

#include <cstddef>
#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::providers::anthropic {
namespace {

JsonObject text_block(std::string_view text) {
  return {{"type", "text"}, {"text", text}};
}

JsonObject source_of(const MediaPart& media) {
  if (media.data) return {{"type", "base64"}, {"media_type", media.media_type}, {"data", base64_of(media)}};
  if (!media.file_id.empty()) return {{"type", "file"}, {"file_id", media.file_id}};
  return {{"type", "url"}, {"url", media.url}};
}

class Writer {
 public:
  Writer(const Dialect& dialect, bool cite, Notes& notes) : dialect_(dialect), cite_(cite), notes_(notes) {}

  void write(const Message& message, std::size_t index, WireChat& out) {
    const auto* const state = state_of(message.continuation, dialect_);
    if (const auto* const content = state != nullptr ? array_at(*state, "content") : nullptr) {
      out.messages.push_back(JsonObject{{"role", "assistant"}, {"content", *content}});
      return;
    }
    JsonArray blocks;
    for (std::size_t i = 0; i < message.parts.size(); ++i)
      block(blocks, message.parts[i], {.message = index, .part = i}, message.role);
    if (blocks.empty()) return;
    const bool is_system = message.role == Role::system || message.role == Role::developer;
    if (is_system && out.messages.empty()) {
      out.system.insert(out.system.end(), blocks.begin(), blocks.end());
      return;
    }
    if (is_system)
      notes_.add(Adaptation::Action::substituted, std::format("messages[{}].role", index),
                 "only the start of a conversation is the system's", Json(to_string(message.role)), "user");
    const std::string_view role = message.role == Role::assistant ? "assistant" : "user";
    if (!out.messages.empty() && text_at(out.messages.back().get_object(), "role") == role) {
      auto& before = out.messages.back().get_object()["content"].get_array();
      before.insert(before.end(), blocks.begin(), blocks.end());
      return;
    }
    out.messages.push_back(JsonObject{{"role", role}, {"content", std::move(blocks)}});
  }

 private:
  void block(JsonArray& out, const Part& part, const Place& place, Role role) {
    if (const auto* const text = part.get<TextPart>()) {
      if (!text->text.empty()) out.push_back(text_block(text->text));  // an empty one is refused
    } else if (const auto* const media = part.get<MediaPart>()) {
      if (role == Role::assistant)
        unsupported_part(place, dialect_, "a medium in the model's own turn", "leave it out of the history");
      out.push_back(medium(*media, place));
    } else if (const auto* const call = part.get<ToolCallPart>()) {
      out.push_back(JsonObject{{"type", "tool_use"}, {"id", call->id}, {"name", call->name}, {"input", call->input}});
    } else if (const auto* const result = part.get<ToolResultPart>()) {
      out.push_back(tool_result(*result, place));
    } else if (part.get<ReasoningPart>() != nullptr) {
      thoughts(out, part);
    } else if (const auto* const refusal = part.get<RefusalPart>()) {
      if (!refusal->text.empty()) out.push_back(text_block(refusal->text));
    } else if (const auto* const data = part.get<DataPart>()) {
      out.push_back(text_block(to_text(data->value)));
    }  // citations say where texts that are sent come from
  }

  /// Thoughts go back as the provider signed them, or not at all.
  void thoughts(JsonArray& out, const Part& part) const {
    const auto* const state = state_of(part.continuation, dialect_);
    if (state == nullptr) return;
    if (const auto* const data = member_at(*state, "redacted")) {
      out.push_back(JsonObject{{"type", "redacted_thinking"}, {"data", *data}});
    } else if (const auto* const signature = member_at(*state, "signature")) {
      out.push_back(
          JsonObject{{"type", "thinking"}, {"thinking", part.get<ReasoningPart>()->text}, {"signature", *signature}});
    }
  }

  JsonObject medium(const MediaPart& given, const Place& place) const {
    auto media = loaded(given);
    switch (media.kind) {
      case MediaPart::Kind::image:
        if (media.data && media.media_type.empty())
          unsupported_part(place, dialect_, "a picture of an unknown type", "set its media type, such as `image/png`");
        return {{"type", "image"}, {"source", source_of(media)}};
      case MediaPart::Kind::audio: unsupported_part(place, dialect_, "a recording", "write what it says");
      case MediaPart::Kind::video: unsupported_part(place, dialect_, "a film", "give pictures of it");
      case MediaPart::Kind::document:
      case MediaPart::Kind::binary: return document(std::move(media), place);
    }
    std::unreachable();
  }

  JsonObject document(MediaPart media, const Place& place) const {
    const auto title = std::exchange(media.title, {});
    const auto context = std::exchange(media.context, {});
    const auto text = document_text(media);
    JsonObject out{{"type", "document"}};
    if (!text.empty()) {
      out["source"] = JsonObject{{"type", "text"}, {"media_type", "text/plain"}, {"data", text}};
    } else if (media.data && media.media_type != "application/pdf") {
      unsupported_part(place, dialect_, "a file that is neither PDF nor text", "write its content as text");
    } else {
      out["source"] = source_of(media);
    }
    if (!title.empty() || !media.name.empty()) out["title"] = title.empty() ? media.name : title;
    if (!context.empty()) out["context"] = context;
    if (cite_ && media.data) out["citations"] = JsonObject{{"enabled", true}};
    return out;
  }

  JsonObject tool_result(const ToolResultPart& result, const Place& place) {
    JsonObject out{{"type", "tool_result"}, {"tool_use_id", result.id}};
    JsonArray content;
    for (const auto& part : result.content) block(content, part, place, Role::tool);
    if (!content.empty()) out["content"] = std::move(content);
    if (result.is_error) out["is_error"] = true;
    return out;
  }

  const Dialect& dialect_;
  bool cite_;
  Notes& notes_;
};

/// How many turns the messages before `until` become; system messages at the start do not count.
std::size_t turns_before(const Chat& messages, std::size_t until) {
  std::size_t turns = 0;
  std::string_view last;
  std::size_t index = 0;
  for (const auto& message : messages) {
    if (index++ == until) break;
    if (turns == 0 && (message.role == Role::system || message.role == Role::developer)) continue;
    const std::string_view role = message.role == Role::assistant ? "assistant" : "user";
    if (role != std::exchange(last, role)) ++turns;
  }
  return turns;
}

}  // namespace

WireChat write_messages(const Chat& messages, const Dialect& dialect, bool cite, Notes& notes) {
  WireChat out;
  Writer writer(dialect, cite, notes);
  std::size_t index = 0;
  for (const auto& message : messages) writer.write(message, index++, out);
  // A turn that is nothing but a text is written as one.
  for (auto& message : out.messages) {
    auto& content = message.get_object()["content"];
    const auto& blocks = content.get_array();
    if (blocks.size() != 1 || text_at(blocks[0].get_object(), "type") != "text") continue;
    std::string text(text_at(blocks[0].get_object(), "text"));
    content = std::move(text);
  }
  return out;
}

void write_cache_marks(WireChat& chat, JsonArray& tools, const Request& request, Notes& notes) {
  const auto& cache = request.provider_options().prompt_cache;
  if (!cache.key.empty())
    notes.dropped("provider.prompt_cache.key", "this provider finds prompts by their text", Json(cache.key));
  if (!cache.resource.empty())
    notes.dropped("provider.prompt_cache.resource", "this provider has no such option", Json(cache.resource));
  const bool implied = !cache.retention.empty() || !cache.prefix.empty() || cache.prefix_until;
  if (!cache.enabled.value_or(implied)) return;
  JsonObject mark{{"type", "ephemeral"}};
  if (cache.retention == "long") mark["ttl"] = "1h";
  const auto mark_last = [&](Json& turn) {
    auto& content = turn.get_object()["content"];
    if (content.is_string()) content = JsonArray{text_block(view(content.get_string()))};
    auto& blocks = content.get_array();
    if (!blocks.empty()) blocks.back().get_object()["cache_control"] = mark;
  };
  const auto turns = cache.prefix_until ? turns_before(request.messages, *cache.prefix_until) : 0;
  if (cache.prefix == "history" && !chat.messages.empty()) {
    mark_last(chat.messages.back());
  } else if (turns != 0 && turns <= chat.messages.size()) {
    mark_last(chat.messages[turns - 1]);
  } else if (!chat.system.empty()) {
    chat.system.back().get_object()["cache_control"] = mark;
  } else if (!tools.empty()) {
    tools.back().get_object()["cache_control"] = mark;
  } else if (!chat.messages.empty()) {
    mark_last(chat.messages.back());
  }
}

}  // namespace dspy::providers::anthropic
