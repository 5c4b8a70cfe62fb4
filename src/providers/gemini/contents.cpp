#include "providers/gemini/gemini.hpp"
#include "providers/json_tools.hpp"
#include "providers/media_wire.hpp"
#include "providers/state.hpp"

#include <cstddef>
#include <format>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::providers::gemini {
namespace {

class Writer {
 public:
  Writer(const Dialect& dialect, Notes& notes) : dialect_(dialect), notes_(notes) {}

  void write(const Message& message, std::size_t index, WireChat& out) {
    JsonArray parts;
    for (std::size_t i = 0; i < message.parts.size(); ++i) part(parts, message.parts[i], {.message = index, .part = i});
    if (parts.empty()) return;
    const bool is_system = message.role == Role::system || message.role == Role::developer;
    if (is_system && out.contents.empty()) {
      out.system.insert(out.system.end(), parts.begin(), parts.end());
      return;
    }
    if (is_system)
      notes_.add(Adaptation::Action::substituted, std::format("messages[{}].role", index),
                 "only the start of a conversation is the system's", Json(to_string(message.role)), "user");
    const std::string_view role = message.role == Role::assistant ? "model" : "user";
    if (!out.contents.empty() && text_at(out.contents.back().get_object(), "role") == role) {
      auto& before = out.contents.back().get_object()["parts"].get_array();
      before.insert(before.end(), parts.begin(), parts.end());
      return;
    }
    out.contents.push_back(JsonObject{{"role", role}, {"parts", std::move(parts)}});
  }

 private:
  void part(JsonArray& out, const Part& part, const Place& place) {
    const auto add = [&](JsonObject written) {
      if (const auto* const state = state_of(part.continuation, dialect_))
        if (const auto* const signature = member_at(*state, "thought_signature"))
          written["thoughtSignature"] = *signature;
      out.push_back(std::move(written));
    };
    if (const auto* const text = part.get<TextPart>()) {
      if (!text->text.empty() || !part.continuation.is_null()) add({{"text", text->text}});
    } else if (const auto* const media = part.get<MediaPart>()) {
      add(medium(*media, place));
    } else if (const auto* const call = part.get<ToolCallPart>()) {
      names_[call->id] = call->name;
      JsonObject written{{"name", call->name}, {"args", call->input}};
      if (!call->id.empty()) written["id"] = call->id;
      add({{"functionCall", std::move(written)}});
    } else if (const auto* const result = part.get<ToolResultPart>()) {
      out.push_back(tool_result(*result, place));
    } else if (const auto* const thoughts = part.get<ReasoningPart>()) {
      if (state_of(part.continuation, dialect_) != nullptr) add({{"text", thoughts->text}, {"thought", true}});
    } else if (const auto* const refusal = part.get<RefusalPart>()) {
      if (!refusal->text.empty()) add({{"text", refusal->text}});
    } else if (const auto* const data = part.get<DataPart>()) {
      add({{"text", to_text(data->value)}});
    }
  }

  JsonObject medium(const MediaPart& given, const Place& place) const {
    const auto media = loaded(given);
    if (auto text = document_text(media); !text.empty()) return {{"text", std::move(text)}};
    if (media.data) {
      if (media.media_type.empty())
        unsupported_part(place, dialect_, "a file of an unknown type", "set its media type, such as `image/png`");
      return {{"inlineData", JsonObject{{"mimeType", media.media_type}, {"data", base64_of(media)}}}};
    }
    JsonObject file{{"fileUri", media.file_id.empty() ? media.url : media.file_id}};
    if (!media.media_type.empty()) file["mimeType"] = media.media_type;
    return {{"fileData", std::move(file)}};
  }

  JsonObject tool_result(const ToolResultPart& result, const Place& place) {
    auto name = result.name;
    if (const auto known = names_.find(result.id); name.empty() && known != names_.end()) name = known->second;
    if (name.empty())
      unsupported_part(place, dialect_, "a tool's result without the tool's name", "set `ToolResultPart::name`");
    JsonObject response;
    const auto* const data = result.content.size() == 1 ? result.content[0].get<DataPart>() : nullptr;
    if (data != nullptr && data->value.is_object()) {
      response = data->value.get_object();
    } else {
      response[result.is_error ? "error" : "result"] = only_texts(result.content, place, dialect_);
    }
    JsonObject written{{"name", name}, {"response", std::move(response)}};
    if (!result.id.empty()) written["id"] = result.id;
    return {{"functionResponse", std::move(written)}};
  }

  const Dialect& dialect_;
  Notes& notes_;
  std::map<std::string, std::string> names_;  ///< Of the tools called so far, by the calls' ids.
};

}  // namespace

WireChat write_contents(const Chat& messages, const Dialect& dialect, Notes& notes) {
  WireChat out;
  Writer writer(dialect, notes);
  std::size_t index = 0;
  for (const auto& message : messages) writer.write(message, index++, out);
  return out;
}

}  // namespace dspy::providers::gemini
