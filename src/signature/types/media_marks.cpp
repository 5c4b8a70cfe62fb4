#include "media_marks.hpp"

#include "dspy/signature/field.hpp"

#include <algorithm>
#include <format>
#include <optional>
#include <string>
#include <utility>

namespace dspy {
namespace {

using Kind = Type::Kind;

bool is_medium(Kind kind) noexcept {
  return kind == Kind::image || kind == Kind::audio || kind == Kind::file || kind == Kind::document;
}

bool holds_medium(const Type& type) {
  return is_medium(type.kind) || std::ranges::any_of(type.arguments, holds_medium) ||
         std::ranges::any_of(*type.members, [](const Field& member) { return holds_medium(member.type); });
}

/// The text at `key`; null if there is none.
const Json* text_at(const JsonObject& object, std::string_view key) {
  const auto* const found = object.if_contains(key);
  return found != nullptr && found->is_string() ? found : nullptr;
}

const JsonObject* object_at(const JsonObject& object, std::string_view key) {
  const auto* const found = object.if_contains(key);
  return found != nullptr ? found->if_object() : nullptr;
}

/// Copies the text at `from`, if there is one.
void copy_text(const JsonObject& source, std::string_view from, JsonObject& target, std::string_view to) {
  if (const auto* const text = text_at(source, from)) target.emplace(to, *text);
}

std::optional<JsonObject> medium_of(Kind kind, const JsonObject& block) {
  JsonObject out;
  if (const auto* const image = object_at(block, "image_url"); kind == Kind::image && image != nullptr) {
    copy_text(*image, "url", out, "url");
  } else if (const auto* const audio = object_at(block, "input_audio"); kind == Kind::audio && audio != nullptr) {
    copy_text(*audio, "data", out, "data");
    copy_text(*audio, "format", out, "audio_format");
  } else if (const auto* const file = object_at(block, "file"); kind == Kind::file && file != nullptr) {
    if (const auto* const data = text_at(*file, "file_data"))
      out.emplace(view(data->get_string()).starts_with("data:") ? "url" : "data", *data);
    copy_text(*file, "file_id", out, "file_id");
    copy_text(*file, "filename", out, "filename");
  } else if (const auto* const source = object_at(block, "source"); kind == Kind::document && source != nullptr) {
    copy_text(*source, "data", out, "data");
    copy_text(block, "title", out, "title");
    copy_text(*source, "media_type", out, "media_type");
    copy_text(block, "context", out, "context");
  }
  if (out.empty()) return std::nullopt;
  return out;
}

/// The bytes of a medium as a URL, if it says what they are.
std::optional<std::string> data_url(const JsonObject& medium) {
  const auto* const data = text_at(medium, "data");
  const auto* const type = text_at(medium, "media_type");
  if (data == nullptr || type == nullptr) return std::nullopt;
  return std::format("data:{};base64,{}", view(type->get_string()), view(data->get_string()));
}

std::optional<JsonObject> block_of(Kind kind, const JsonObject& medium) {
  const auto* const url = text_at(medium, "url");
  if (kind == Kind::image) {
    auto address = data_url(medium);
    if (url != nullptr) address = std::string(view(url->get_string()));
    if (!address) return std::nullopt;
    return JsonObject{{"type", "image_url"}, {"image_url", JsonObject{{"url", *address}}}};
  }
  if (kind == Kind::audio) {
    const auto* const data = text_at(medium, "data");
    const auto* const format = text_at(medium, "audio_format");
    if (data == nullptr || format == nullptr) return std::nullopt;
    return JsonObject{{"type", "input_audio"}, {"input_audio", JsonObject{{"data", *data}, {"format", *format}}}};
  }
  if (kind != Kind::file) return std::nullopt;  // DSPy saves a document as its members
  JsonObject file;
  if (url != nullptr && view(url->get_string()).starts_with("data:")) {
    file.emplace("file_data", *url);
  } else if (const auto address = data_url(medium)) {
    file.emplace("file_data", *address);
  } else {
    copy_text(medium, "data", file, "file_data");
    copy_text(medium, "file_id", file, "file_id");
  }
  if (file.empty()) return std::nullopt;
  copy_text(medium, "filename", file, "filename");
  return JsonObject{{"type", "file"}, {"file", std::move(file)}};
}

/// With the blanks that Python writes, so that what it saved comes back as it was.
void append_block(std::string& out, const JsonObject& block) {
  out += '{';
  for (const auto& member : block) {
    if (!out.ends_with('{')) out += ", ";
    append_text(out, Json(member.key()));
    out += ": ";
    if (const auto* const inner = member.value().if_object()) {
      append_block(out, *inner);
    } else {
      append_text(out, member.value());
    }
  }
  out += '}';
}

bool write_media_mark(Kind kind, Json& value) {
  const auto* const medium = value.if_object();
  if (medium == nullptr) return false;
  auto block = block_of(kind, *medium);
  if (!block) return false;
  std::string text(media_mark_begin);
  append_block(text += '[', *block);
  value = text.append("]").append(media_mark_end);
  return true;
}

/// Calls `change(kind, value)` wherever the type has a medium, until it returns true for a value.
template <class Change>
bool for_each_medium(const Type& type, Json& value, Change& change) {
  if (is_medium(type.kind)) return change(type.kind, value);
  if (!holds_medium(type)) return false;
  bool changed = false;
  if (type.kind == Kind::optional || type.kind == Kind::union_) {
    for (const auto& argument : type.arguments) {
      if (for_each_medium(argument, value, change)) return true;
    }
  } else if (auto* const items = value.if_array(); type.kind == Kind::list && items != nullptr) {
    for (auto& item : *items) changed = for_each_medium(type.arguments[0], item, change) || changed;
  } else if (type.kind == Kind::tuple && items != nullptr) {
    for (std::size_t i = 0; i < std::min(items->size(), type.arguments.size()); ++i)
      changed = for_each_medium(type.arguments[i], (*items)[i], change) || changed;
  } else if (auto* const members = value.if_object(); type.kind == Kind::dict && members != nullptr) {
    for (auto& member : *members) changed = for_each_medium(type.arguments[1], member.value(), change) || changed;
  } else if (type.kind == Kind::object && members != nullptr) {
    for (const auto& member : *type.members) {
      if (auto* const found = members->if_contains(member.name))
        changed = for_each_medium(member.type, *found, change) || changed;
    }
  }
  return changed;
}

}  // namespace

bool read_media_mark(Kind kind, Json& value) {
  if (!is_medium(kind) || !value.is_string()) return false;
  auto text = view(value.get_string());
  if (!text.starts_with(media_mark_begin) || !text.ends_with(media_mark_end) ||
      text.size() < media_mark_begin.size() + media_mark_end.size())
    return false;
  text.remove_prefix(media_mark_begin.size());
  text.remove_suffix(media_mark_end.size());
  const auto blocks = parse_json(text);
  const auto* const list = blocks ? blocks->if_array() : nullptr;
  if (list == nullptr || list->size() != 1 || !(*list)[0].is_object()) return false;
  auto medium = medium_of(kind, (*list)[0].get_object());
  if (!medium) return false;
  value = *std::move(medium);
  return true;
}

void restore_media(const Type& type, Json& value) {
  auto change = [](Kind kind, Json& medium) { return read_media_mark(kind, medium); };
  for_each_medium(type, value, change);
}

void mark_media(const Type& type, Json& value) {
  auto change = [](Kind kind, Json& medium) { return write_media_mark(kind, medium); };
  for_each_medium(type, value, change);
}

}  // namespace dspy
