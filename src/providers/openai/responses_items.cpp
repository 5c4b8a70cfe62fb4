#include "providers/json_tools.hpp"
#include "providers/media_wire.hpp"
#include "providers/openai/openai.hpp"
#include "providers/state.hpp"

#include <utility>

namespace dspy::providers::openai {
namespace {

JsonObject image_of(const MediaPart& given) {
  const auto media = loaded(given);
  JsonObject out{{"type", "input_image"}};
  if (!media.file_id.empty())
    out["file_id"] = media.file_id;
  else
    out["image_url"] = media.data ? data_url(media) : media.url;
  if (!media.detail.empty()) out["detail"] = media.detail;
  return out;
}

JsonObject file_of(const MediaPart& given, const Place& place, Notes& notes) {
  const auto media = loaded(given);
  if (auto text = document_text(media); !text.empty()) {
    notes.add(Adaptation::Action::substituted, place.text(), "a document of text is sent as text", "document", "text");
    return {{"type", "input_text"}, {"text", std::move(text)}};
  }
  JsonObject out{{"type", "input_file"}};
  if (!media.file_id.empty()) {
    out["file_id"] = media.file_id;
  } else if (media.data) {
    out["filename"] = media.name.empty() ? "file" : media.name;
    out["file_data"] = data_url(media);
  } else {
    out["file_url"] = media.url;
  }
  return out;
}

/// What a user's turn or a tool's result is made of.
JsonObject input_of(const Part& part, const Place& place, const Dialect& dialect, Notes& notes) {
  if (const auto* const text = part.get<TextPart>()) return {{"type", "input_text"}, {"text", text->text}};
  if (const auto* const data = part.get<DataPart>()) return {{"type", "input_text"}, {"text", to_text(data->value)}};
  const auto* const media = part.get<MediaPart>();
  if (media == nullptr) unsupported_part(place, dialect, "a part of another turn", "put it into the model's own turn");
  switch (media->kind) {
    case MediaPart::Kind::image: return image_of(*media);
    case MediaPart::Kind::document:
    case MediaPart::Kind::binary: return file_of(*media, place, notes);
    case MediaPart::Kind::audio:
      unsupported_part(place, dialect, "a recording", "ask by Chat Completions (`api=chat`)");
    case MediaPart::Kind::video: unsupported_part(place, dialect, "a film", "give pictures of it");
  }
  std::unreachable();
}

/// A text where that says it all.
Json content_of(JsonArray parts, std::string_view text_type) {
  if (parts.size() == 1 && text_at(parts[0].get_object(), "type") == text_type)
    return Json(text_at(parts[0].get_object(), "text"));
  return parts;
}

class Writer {
 public:
  Writer(JsonArray& out, const Dialect& dialect, Notes& notes) : out_(out), dialect_(dialect), notes_(notes) {}

  void write(const Message& message, std::size_t index) {
    for (std::size_t i = 0; i < message.parts.size(); ++i) {
      const Place place{.message = index, .part = i};
      const auto& part = message.parts[i];
      if (const auto* const result = part.get<ToolResultPart>()) {
        end_turn(message.role);
        tool_result(*result, place);
      } else if (message.role == Role::assistant) {
        own_part(part, place);
      } else {
        turn_.push_back(input_of(part, place, dialect_, notes_));
      }
    }
    end_turn(message.role);
  }

 private:
  void own_part(const Part& part, const Place& place) {
    if (const auto* const text = part.get<TextPart>()) {
      turn_.push_back(JsonObject{{"type", "output_text"}, {"text", text->text}});
    } else if (const auto* const refusal = part.get<RefusalPart>()) {
      turn_.push_back(JsonObject{{"type", "refusal"}, {"refusal", refusal->text}});
    } else if (const auto* const data = part.get<DataPart>()) {
      turn_.push_back(JsonObject{{"type", "output_text"}, {"text", to_text(data->value)}});
    } else if (const auto* const call = part.get<ToolCallPart>()) {
      end_turn(Role::assistant);
      out_.push_back(JsonObject{{"type", "function_call"},
                                {"call_id", call->id},
                                {"name", call->name},
                                {"arguments", to_text(Json(call->input))}});
    } else if (part.get<ReasoningPart>() != nullptr) {
      // Thoughts go back as the provider gave them, or not at all.
      const auto* const state = state_of(part.continuation, dialect_);
      const auto* const item = state != nullptr ? object_at(*state, "item") : nullptr;
      end_turn(Role::assistant);
      if (item != nullptr) out_.push_back(*item);
    } else if (part.get<MediaPart>() != nullptr) {
      unsupported_part(place, dialect_, "a medium in the model's own turn", "leave it out of the history");
    }
  }

  void tool_result(const ToolResultPart& result, const Place& place) {
    if (result.is_error)
      notes_.dropped(place.text("is_error"), "this provider has no mark for it; the content has to say it", true);
    JsonArray content;
    for (const auto& part : result.content) content.push_back(input_of(part, place, dialect_, notes_));
    out_.push_back(JsonObject{{"type", "function_call_output"},
                              {"call_id", result.id},
                              {"output", content.empty() ? Json("") : content_of(std::move(content), "input_text")}});
  }

  void end_turn(Role role) {
    if (turn_.empty()) return;
    const auto name = role == Role::tool ? "user" : to_string(role);
    const auto text_type = role == Role::assistant ? "output_text" : "input_text";
    out_.push_back(JsonObject{{"role", name}, {"content", content_of(std::exchange(turn_, JsonArray()), text_type)}});
  }

  JsonArray& out_;
  const Dialect& dialect_;
  Notes& notes_;
  JsonArray turn_;
};

}  // namespace

JsonArray items_of(const Chat& messages, const Dialect& dialect, Notes& notes) {
  JsonArray out;
  Writer writer(out, dialect, notes);
  std::size_t index = 0;
  for (const auto& message : messages) writer.write(message, index++);
  return out;
}

}  // namespace dspy::providers::openai
