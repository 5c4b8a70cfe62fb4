#include "providers/json_tools.hpp"
#include "providers/media_wire.hpp"
#include "providers/openai/openai.hpp"
#include "providers/state.hpp"

#include <utility>

namespace dspy::providers::openai {
namespace {

JsonObject image_of(const MediaPart& given, const Place& place, const Dialect& dialect) {
  if (!given.file_id.empty())
    unsupported_part(place, dialect, "a picture by its file id", "give its bytes or a URL, or ask by `responses`");
  const auto media = loaded(given);
  JsonObject image{{"url", media.data ? data_url(media) : media.url}};
  if (!media.detail.empty()) image["detail"] = media.detail;
  return {{"type", "image_url"}, {"image_url", std::move(image)}};
}

JsonObject audio_of(const MediaPart& given, const Place& place, const Dialect& dialect) {
  if (!dialect.audio)
    unsupported_part(place, dialect, "a recording", "ask a model that listens, or write what it says");
  const auto media = loaded(given);
  if (!media.data) unsupported_part(place, dialect, "a recording by its URL", "give its bytes");
  const auto format = audio_format(media);
  if (format.empty())
    unsupported_part(place, dialect, "a recording of an unknown format",
                     "set its media type, such as `audio/wav` or `audio/mpeg`");
  return {{"type", "input_audio"}, {"input_audio", JsonObject{{"data", base64_of(media)}, {"format", format}}}};
}

JsonObject file_of(const MediaPart& given, const Place& place, const Dialect& dialect, Notes& notes) {
  const auto media = loaded(given);
  if (auto text = document_text(media); !text.empty()) {
    notes.add(Adaptation::Action::substituted, place.text(), "a document of text is sent as text", "document", "text");
    return {{"type", "text"}, {"text", std::move(text)}};
  }
  if (!dialect.files) unsupported_part(place, dialect, "a file", "write its content as text");
  JsonObject file;
  if (!media.file_id.empty()) {
    file["file_id"] = media.file_id;
  } else if (media.data) {
    file["filename"] = media.name.empty() ? "file" : media.name;
    file["file_data"] = data_url(media);
  } else {
    unsupported_part(place, dialect, "a file by its URL", "give its bytes");
  }
  return {{"type", "file"}, {"file", std::move(file)}};
}

JsonObject medium_of(const MediaPart& media, const Place& place, const Dialect& dialect, Notes& notes) {
  switch (media.kind) {
    case MediaPart::Kind::image: return image_of(media, place, dialect);
    case MediaPart::Kind::audio: return audio_of(media, place, dialect);
    case MediaPart::Kind::video: {
      if (!dialect.videos) unsupported_part(place, dialect, "a film", "give pictures of it");
      const auto film = loaded(media);
      return {{"type", "video_url"}, {"video_url", JsonObject{{"url", film.data ? data_url(film) : film.url}}}};
    }
    case MediaPart::Kind::document:
    case MediaPart::Kind::binary: return file_of(media, place, dialect, notes);
  }
  std::unreachable();
}

/// Writes one message; results of tools are messages of their own.
class Writer {
 public:
  Writer(JsonArray& out, const Dialect& dialect, Notes& notes) : out_(out), dialect_(dialect), notes_(notes) {}

  void write(const Message& message, std::size_t index) {
    message_ = JsonObject{{"role", role_of(message.role)}};
    parts_ = {};
    only_text_ = true;
    written_ = false;
    for (std::size_t i = 0; i < message.parts.size(); ++i) part(message, {.message = index, .part = i});
    if (message.role == Role::tool && !has_own()) return;
    if (message.role == Role::assistant) {
      if (const auto* const state = state_of(message.continuation, dialect_))
        if (const auto* const details = member_at(*state, "reasoning_details"))
          message_["reasoning_details"] = *details;
    } else if (written_ && !has_own()) {
      return;  // it was results of tools only
    }
    set_content(message.role);
    out_.push_back(std::move(message_));
  }

 private:
  std::string_view role_of(Role role) const {
    if (role == Role::developer) return dialect_.developer ? "developer" : "system";
    return to_string(role);
  }

  bool has_own() const { return !parts_.empty() || message_.size() > 1; }

  void part(const Message& message, const Place& place) {
    const auto& each = message.parts[place.part];
    if (const auto* const text = each.get<TextPart>()) {
      parts_.push_back(JsonObject{{"type", "text"}, {"text", text->text}});
    } else if (const auto* const media = each.get<MediaPart>()) {
      medium(*media, each.continuation, message.role, place);
    } else if (const auto* const call = each.get<ToolCallPart>()) {
      tool_call(*call);
    } else if (const auto* const result = each.get<ToolResultPart>()) {
      tool_result(*result, place);
    } else if (const auto* const thoughts = each.get<ReasoningPart>()) {
      if (!dialect_.reasoning_back.empty()) append_text_at(message_, dialect_.reasoning_back, thoughts->text);
    } else if (const auto* const refusal = each.get<RefusalPart>()) {
      append_text_at(message_, "refusal", refusal->text);
    } else if (const auto* const data = each.get<DataPart>()) {
      parts_.push_back(JsonObject{{"type", "text"}, {"text", to_text(data->value)}});
    }  // citations say where texts that are sent come from
  }

  void medium(const MediaPart& media, const Json& continuation, Role role, const Place& place) {
    if (role != Role::assistant) {
      only_text_ = false;
      parts_.push_back(medium_of(media, place, dialect_, notes_));
      return;
    }
    const auto* const state = state_of(continuation, dialect_);
    const auto* const id = state != nullptr ? member_at(*state, "audio_id") : nullptr;
    if (id == nullptr)
      unsupported_part(place, dialect_, "a medium in the model's own turn", "leave it out of the history");
    message_["audio"] = JsonObject{{"id", *id}};
  }

  void tool_call(const ToolCallPart& call) {
    auto& calls = message_["tool_calls"];
    if (!calls.is_array()) calls = JsonArray();
    calls.get_array().push_back(JsonObject{
        {"id", call.id},
        {"type", "function"},
        {"function", JsonObject{{"name", call.name}, {"arguments", to_text(Json(call.input))}}},
    });
  }

  void tool_result(const ToolResultPart& result, const Place& place) {
    if (result.is_error)
      notes_.dropped(place.text("is_error"), "this provider has no mark for it; the content has to say it", true);
    out_.push_back(JsonObject{
        {"role", "tool"}, {"tool_call_id", result.id}, {"content", only_texts(result.content, place, dialect_)}});
    written_ = true;
  }

  void set_content(Role role) {
    if (only_text_ && (parts_.size() <= 1 || role == Role::assistant)) {
      std::string text;
      for (const auto& each : parts_) text += text_at(each.get_object(), "text");
      // A turn of tool calls alone has an empty text, since strict servers refuse null.
      message_["content"] = std::move(text);
    } else {
      message_["content"] = std::move(parts_);
    }
  }

  JsonArray& out_;
  const Dialect& dialect_;
  Notes& notes_;
  JsonObject message_;
  JsonArray parts_;
  bool only_text_ = true;
  bool written_ = false;
};

}  // namespace

JsonArray messages_of(const Chat& messages, const Dialect& dialect, Notes& notes) {
  JsonArray out;
  out.reserve(messages.size());
  Writer writer(out, dialect, notes);
  std::size_t index = 0;
  for (const auto& message : messages) writer.write(message, index++);
  return out;
}

}  // namespace dspy::providers::openai
