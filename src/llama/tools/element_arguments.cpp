#include "llama/tools/element_arguments.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/field.hpp"
#include "dspy/signature/json_schema.hpp"

#include <algorithm>
#include <expected>
#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::llama {
namespace {

constexpr std::string_view spaces = " \t\r\n";

}  // namespace

ElementText element_text(const Type& type) noexcept {
  using Kind = Type::Kind;
  switch (type.required().kind) {
    case Kind::string:
    case Kind::code:
    case Kind::reasoning:
    case Kind::date:
    case Kind::datetime:
    case Kind::time:
    case Kind::duration:
    case Kind::bytes: return ElementText::raw;
    case Kind::literal: return ElementText::choice;
    case Kind::any:
    case Kind::union_: return ElementText::either;
    default: return ElementText::json;
  }
}

Type arguments_type(const ToolDefinition& tool) {
  if (tool.parameters.empty()) return Type::object("", {});
  const auto imported =
      attempt([&] { return from_json_schema(Json(tool.parameters), {.allow_unsupported = true, .name = {}}).type; });
  return imported && imported->kind == Type::Kind::object ? *imported : Type::any();
}

std::expected<Json, std::string> read_element(const Type& arguments, std::string_view key, std::string_view text) {
  static const auto unknown = Type::any();
  const auto* type = &unknown;
  if (arguments.kind == Type::Kind::object) {
    const auto found = std::ranges::find(*arguments.members, key, &Field::name);
    if (found != arguments.members->end()) type = &found->type;
  }
  const auto bare = text::trim(text);
  if (type->is_optional() && bare == "null") return Json(nullptr);
  switch (element_text(*type)) {
    case ElementText::raw: return Json(text);
    case ElementText::choice:
      if (std::ranges::contains(type->required().choices, Json(text))) return Json(text);
      if (std::ranges::contains(type->required().choices, Json(bare))) return Json(bare);
      break;
    case ElementText::json: break;
    case ElementText::either: {
      auto value = parse_json(bare);
      return value ? *std::move(value) : Json(text);
    }
  }
  auto value = parse_json(bare);
  if (!value) return std::unexpected(std::format("its argument `{}` is not JSON: {}", key, value.error().message));
  return *std::move(value);
}

std::expected<JsonObject, std::string> take_elements(std::string_view& text, const ToolFormat& format,
                                                     const Type& arguments) {
  JsonObject out;
  const auto closing = text::trim(format.value_after);
  const bool has_lines = format.value_after.starts_with('\n');
  for (;;) {
    auto rest = text;
    rest.remove_prefix(std::min(rest.find_first_not_of(spaces), rest.size()));
    if (!rest.starts_with(format.key_before)) return out;
    rest.remove_prefix(format.key_before.size());
    const auto key_end = rest.find(format.key_after);
    if (key_end == rest.npos) return std::unexpected("an argument's name has no end");
    const auto key = text::trim(rest.substr(0, key_end));
    rest.remove_prefix(key_end + format.key_after.size());
    const auto end = rest.find(closing);
    if (end == rest.npos) return std::unexpected(std::format("its argument `{}` has no end", key));
    auto value = rest.substr(0, end);
    if (has_lines && value.ends_with('\n')) value.remove_suffix(1);
    auto read = read_element(arguments, key, value);
    if (!read) return std::unexpected(std::move(read.error()));
    if (out.contains(key)) return std::unexpected(std::format("it has the argument `{}` twice", key));
    out.emplace(key, *std::move(read));
    text = rest.substr(end + closing.size());
  }
}

std::string write_elements(const JsonObject& arguments, const ToolFormat& format) {
  std::string out;
  for (const auto& [key, value] : arguments) {
    out += format.key_before;
    out += view(key);
    out += format.key_after;
    if (value.is_string())
      out += view(value.get_string());
    else
      out += to_text(value);
    out += format.value_after;
  }
  return out;
}

}  // namespace dspy::llama
