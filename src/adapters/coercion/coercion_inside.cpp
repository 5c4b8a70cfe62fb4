// JSON that is the whole text, or inside it.

#include "adapters/coercion/coercion.hpp"
#include "adapters/json/json_members.hpp"
#include "adapters/sections/labels.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy {
namespace {

/// The position of the first brace that is not the start of a template variable such as `{player}`.
std::size_t first_object(std::string_view text) noexcept {
  auto begin = text.find('{');
  while (begin != std::string_view::npos) {
    const auto end =
        text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ ", begin + 1);
    if (end == std::string_view::npos || text[end] != '}' || end == begin + 1) return begin;
    begin = text.find('{', end);
  }
  return begin;
}

/// True if a line begins as a JSON list or object.
bool has_json_line(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text::trim(text.substr(0, end));
    if (line.starts_with('[') || line.starts_with('{')) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

/// True for what follows a value that is part of another one: closing brackets, more members.
bool goes_on_outside(std::string_view rest) noexcept {
  const auto next = text::trim(rest);
  return next.starts_with('}') || next.starts_with(']') || continues_object(rest) || continues_list(rest);
}

}  // namespace

Coerced refuse_json(std::string_view text, std::string_view complaint, Refusal inner) {
  auto outer = refuse(text, std::format("{}: {}", complaint, inner.reason));
  const bool is_part = !inner.violations[0].path.empty();
  if (is_part) outer.error().violations = std::move(inner.violations);
  return outer;
}

std::string_view Coercion::unfenced(std::string_view text) {
  const auto line_end = text.find('\n');
  if (line_end == std::string_view::npos) return text;
  const auto opening = match_fence(text.substr(0, line_end));
  if (opening.kind != FenceLine::Kind::fence) return text;
  const auto last = text.rfind('\n');
  const auto closing = match_fence(text.substr(last + 1));
  if (last == line_end || closing.kind != FenceLine::Kind::fence || !closing.bare || closing.ticks < opening.ticks)
    return text;
  repairs_.take("fenced");
  return text::trim(text.substr(line_end, last - line_end));
}

/// The content of the only fenced block, with its indentation; the whole text if there is no fence.
Coerced Coercion::code_from_text(const Type& type, std::string_view text) {
  // Markdown has fences of its own.
  if ((type.name == "markdown" || type.name == "md") && !text.starts_with("```")) return Json(text);
  std::optional<std::string_view> block;
  std::string_view before, after;
  std::size_t ticks = 0;  // of the open fence
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto line_end = std::min(text.find('\n', at), text.size());
    const auto fence = match_fence(text.substr(at, line_end - at));
    const auto next = std::min(line_end + 1, text.size());
    if (fence.kind == FenceLine::Kind::fence && ticks == 0) {
      if (block) return refuse(text, "holds several blocks of code", "it contains several code blocks");
      before = text.substr(0, at);
      ticks = fence.ticks;
      begin = next;
    } else if (fence.kind == FenceLine::Kind::fence && fence.bare && fence.ticks >= ticks) {
      block = text.substr(begin, at == begin ? 0 : at - 1 - begin);
      after = text.substr(next);
      ticks = 0;
    }
    at = next;
  }
  if (ticks != 0) {
    block = text.substr(begin);
    repairs_.take("unclosed_fence");
  }
  if (!block) return Json(text);
  repairs_.take("fenced");
  if (!text::trim(before).empty()) repairs_.take("leading_text");
  if (!text::trim(after).empty()) repairs_.take("trailing_text");
  return Json(*block);
}

Coerced Coercion::json_text(const Type& type, std::string_view text) {
  const auto mark = repairs_.mark();
  auto read = read_lenient_json(text);
  if (!read) {
    auto reason = std::format("{} (byte {})", read.error().message, read.error().position);
    return refuse(text, "is not JSON: " + reason, reason);
  }
  if (read->repairs.has(JsonRepair::unclosed_string))
    return refuse(text, "is cut off within a string", "the text is cut off within a string");
  const auto rest = text.substr(read->end);
  if (!text::trim(rest).empty()) {
    if (!text::trim(rest.substr(0, rest.find('\n'))).empty())
      return refuse(text, "has text after its JSON value", "text follows the JSON value");
    if (has_json_line(rest)) return refuse(text, "has a second JSON value after the first", "a second one follows");
    if (goes_on_outside(rest))
      return refuse(text, "is inside another JSON value", "parts of another JSON value follow");
    repairs_.take("trailing_text");
  }
  repairs_.take(read->repairs);
  auto value = from_json(type, std::move(read->value));
  if (!value) repairs_.forget(mark);
  return value;
}

Coerced Coercion::dict_from_text(const Type& type, std::string_view original) {
  const auto text = unfenced(original);
  if (!text.starts_with('{')) return refuse(text, "is not a JSON object");
  auto value = json_text(type, text);
  if (!value) return refuse_json(text, "is not a JSON object", std::move(value.error()));
  return value;
}

std::optional<Json> Coercion::list_inside(const Type& type, std::string_view text) {
  const auto begin = text.find('[');
  if (begin == std::string_view::npos) return std::nullopt;
  const auto read = read_lenient_json(text, begin);
  if (!read || read->repairs.has(JsonRepair::unclosed)) return std::nullopt;
  auto before = text::trim(text.substr(0, begin));
  auto after = text::trim(text.substr(read->end));
  const auto last_line = before.rfind('\n') + 1;  // 0 where there is one line only
  const bool fenced = before.substr(last_line).starts_with("```") && after.starts_with("```");
  if (fenced) {
    before = text::trim(before.substr(0, last_line));
    after = text::trim(after.substr(3));
  }
  if (!before.ends_with(':') || after.contains('[')) return std::nullopt;
  // On the list's own line, a full stop may follow.
  const auto beside = text::trim(text.substr(read->end, text.find('\n', read->end) - read->end));
  if (!beside.empty() && beside != ".") return std::nullopt;
  auto value = json_text(type, text.substr(begin, read->end - begin));
  if (!value) return std::nullopt;
  if (fenced) repairs_.take("fenced");
  repairs_.take("leading_text");
  if (!after.empty() && after != ".") repairs_.take("trailing_text");
  return *std::move(value);
}

std::optional<Json> Coercion::object_inside(const Type& type, std::string_view text) {
  const auto begin = first_object(text);
  if (begin == std::string_view::npos) return std::nullopt;
  const auto read = read_lenient_json(text, begin);
  if (!read || text.find('{', read->end) != std::string_view::npos) return std::nullopt;
  if (goes_on_outside(text.substr(read->end)) || has_quoted_key(text.substr(0, begin))) return std::nullopt;
  const bool leads = !text::trim(text.substr(0, begin)).empty();
  const bool trails = !text::trim(text.substr(read->end)).empty();
  if (!leads && !trails) return std::nullopt;
  auto value = json_text(type, text.substr(begin, read->end - begin));
  if (!value) return std::nullopt;
  if (leads) repairs_.take("leading_text");
  if (trails) repairs_.take("trailing_text");
  return *std::move(value);
}

}  // namespace dspy
