#include "shapes.hpp"

#include "dspy/base/text.hpp"
#include "media_marks.hpp"

#include <array>
#include <format>
#include <span>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

constexpr std::array<std::string_view, 3> image_sources = {"url", "path", "data"};
constexpr std::array<std::string_view, 4> file_sources = {"url", "path", "data", "file_id"};

/// The members that hold the content of a medium; empty for other kinds.
std::span<const std::string_view> sources_of(Type::Kind kind) noexcept {
  if (kind == Type::Kind::image || kind == Type::Kind::audio) return image_sources;
  if (kind == Type::Kind::file) return file_sources;
  return {};
}

void wrap(Json& value, std::string_view key) {
  JsonObject object;
  object.emplace(key, std::move(value));
  value = std::move(object);
}

bool is_url(std::string_view text) {
  return text.starts_with("https://") || text.starts_with("http://") || text.starts_with("data:");
}

/// Renames a member, keeping its position.
void rename(JsonObject& object, std::string_view from, std::string_view to) {
  JsonObject renamed(object.storage());
  renamed.reserve(object.size());
  for (auto& [key, value] : object) renamed.emplace(key == from ? to : std::string_view(key), std::move(value));
  object = std::move(renamed);
}

/// `{"function": {"name", "arguments"}}`, arguments that are JSON text: as providers write calls.
bool respell_call(Json& value) {
  auto* call = value.if_object();
  if (call == nullptr) return false;
  bool changed = false;
  if (auto* function = call->if_contains("function"); function != nullptr && function->is_object()) {
    JsonObject flat;
    if (const auto* id = call->if_contains("id")) flat.emplace("id", *id);
    for (auto& [key, part] : function->get_object()) flat.emplace(key, std::move(part));
    *call = std::move(flat);
    changed = true;
  }
  if (call->contains("arguments") && !call->contains("args")) {
    rename(*call, "arguments", "args");
    changed = true;
  }
  if (auto* arguments = call->if_contains("args"); arguments != nullptr && arguments->is_string()) {
    if (text::trim(view(arguments->get_string())).empty()) {  // a call without arguments
      *arguments = JsonObject();
      changed = true;
    } else if (auto parsed = parse_json(view(arguments->get_string())); parsed && parsed->is_object()) {
      *arguments = *std::move(parsed);
      changed = true;
    }
  }
  return changed;
}

bool respell_calls(Json& value) {
  bool changed = false;
  if (value.is_object() && !value.get_object().contains("tool_calls")) {
    JsonArray one;
    one.push_back(std::move(value));
    value = std::move(one);
    changed = true;
  }
  if (value.is_array()) {
    wrap(value, "tool_calls");
    changed = true;
  }
  if (!value.is_object()) return changed;
  auto* calls = value.get_object().if_contains("tool_calls");
  if (calls == nullptr || !calls->is_array()) return changed;
  for (auto& call : calls->get_array()) changed = respell_call(call) || changed;
  return changed;
}

/// DSPy keeps a file's content under `file_data`, mostly as a data URI.
bool respell_file(JsonObject& file) {
  const auto* data = file.if_contains("file_data");
  if (data == nullptr) return false;
  rename(file, "file_data", data->is_string() && view(data->get_string()).starts_with("data:") ? "url" : "data");
  return true;
}

/// The text inside of `{"code": "…"}`.
bool unwrap(Json& value, std::string_view key) {
  auto* object = value.if_object();
  auto* text = object != nullptr && object->size() == 1 ? object->if_contains(key) : nullptr;
  if (text == nullptr || !text->is_string()) return false;
  Json inner = std::move(*text);
  value = std::move(inner);
  return true;
}

}  // namespace

const Type& shape_of(const Type& type) {
  static const Type text = Type::string();
  static const Type image =
      Type::parse("Image{url: Optional[str], path: Optional[str], data: Optional[bytes], media_type: Optional[str]}");
  static const Type audio =
      Type::parse("Audio{url: Optional[str], path: Optional[str], data: Optional[bytes], audio_format: Optional[str]}");
  static const Type file = Type::parse(
      "File{url: Optional[str], path: Optional[str], data: Optional[bytes], file_id: Optional[str], "
      "filename: Optional[str], media_type: Optional[str]}");
  static const Type history = Type::parse("History{messages: list[dict[str, Any]]}");
  static const Type document =
      Type::parse("Document{data: str, title: Optional[str], media_type: Optional[str], context: Optional[str]}");
  static const Type citations = Type::parse(
      "Citations{citations: list[Citation{type: Annotated[str, Field(default='char_location')], cited_text: str, "
      "document_index: Annotated[int, Field(ge=0)], document_title: Optional[str], "
      "start_char_index: Annotated[int, Field(ge=0)], end_char_index: Annotated[int, Field(ge=0)], "
      "supported_text: Optional[str]}]}");
  static const Type tool =
      Type::parse("Tool{name: str, desc: Optional[str], args: Annotated[dict[str, Any], Field(default={})]}");
  static const Type tool_calls = Type::parse(
      "ToolCalls{tool_calls: list[ToolCall{id: Optional[str], name: str, args: dict[str, Any]}], "
      "tool_call_results: Optional[list[ToolCallResult{call_id: Optional[str], name: Optional[str], value: Any, "
      "is_error: Annotated[bool, Field(default=False)]}]]}");
  switch (type.kind) {
    case Type::Kind::image: return image;
    case Type::Kind::audio: return audio;
    case Type::Kind::file: return file;
    case Type::Kind::history: return history;
    case Type::Kind::code:
    case Type::Kind::reasoning: return text;
    case Type::Kind::document: return document;
    case Type::Kind::citations: return citations;
    case Type::Kind::tool: return tool;
    case Type::Kind::tool_calls: return tool_calls;
    default: return type;  // NOLINT(bugprone-return-const-ref-from-parameter): as long-lived as what it was asked for
  }
}

bool shapes::respell(Type::Kind kind, Json& value) {
  if (read_media_mark(kind, value)) return true;
  switch (kind) {
    case Type::Kind::image:
    case Type::Kind::audio:
    case Type::Kind::file:
      if (kind == Type::Kind::file && value.is_object()) return respell_file(value.get_object());
      if (!value.is_string() || !is_url(view(value.get_string()))) return false;
      wrap(value, "url");
      return true;
    case Type::Kind::history:
      if (!value.is_array()) return false;
      wrap(value, "messages");
      return true;
    case Type::Kind::citations:
      if (!value.is_array()) return false;
      wrap(value, "citations");
      return true;
    case Type::Kind::document:
      if (!value.is_string()) return false;
      wrap(value, "data");
      return true;
    case Type::Kind::code: return unwrap(value, "code");
    case Type::Kind::reasoning: return unwrap(value, "content");
    case Type::Kind::tool_calls: return respell_calls(value);
    default: return false;
  }
}

std::optional<std::string> shapes::problem_of(Type::Kind kind, const JsonObject& value) {
  const auto sources = sources_of(kind);
  if (sources.empty()) return std::nullopt;
  std::vector<std::string> present;
  for (const auto source : sources) {
    if (const auto* found = value.if_contains(source); found != nullptr && !found->is_null())
      present.emplace_back(source);
  }
  if (present.size() == 1) return std::nullopt;
  if (present.empty()) {
    const std::vector<std::string> names(sources.begin(), sources.end());
    return std::format("has no content; give one of {}", text::enumerate(names, "`"));
  }
  return std::format("has several contents, {}; keep one", text::enumerate(present, "`", "and"));
}

}  // namespace dspy
