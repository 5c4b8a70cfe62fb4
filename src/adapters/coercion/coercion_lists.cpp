// Lists that are written as text.

#include "adapters/coercion/coercion.hpp"
#include "adapters/coercion/lists.hpp"
#include "adapters/coercion/scalars.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy {
namespace {

using Kind = Type::Kind;

/// At least one less than the number of items, if a text is a list; not needed for short ones.
std::size_t separators(std::string_view text) {
  if (text.size() <= most_values) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return c == ',' || c == '\n'; }));
}

/// True if the text might contain decimal commas: a single comma between digits (`1,5`), or some commas between digits
/// and others with a blank (`1,5, 2,5`).
bool mixes_commas(std::string_view text) {
  std::size_t tight = 0;
  std::size_t loose = 0;
  for (auto at = text.find(','); at != std::string_view::npos; at = text.find(',', at + 1)) {
    const bool is_loose = at + 1 >= text.size() || text[at + 1] == ' ';
    ++(is_loose ? loose : tight);
  }
  return tight > 0 && (loose > 0 || tight == 1);
}

/// A list in brackets without backticks around it, or the full stop behind it.
std::string_view undecorated_list(std::string_view text) {
  auto inside = text;
  if (inside.size() > 2 && inside.starts_with('`') && inside.ends_with('`'))
    inside = text::trim(inside.substr(1, inside.size() - 2));
  if (inside.ends_with("].")) inside.remove_suffix(1);
  return inside.starts_with('[') && inside.ends_with(']') ? inside : text;
}

}  // namespace

template <class Items>
Coerced Coercion::list_of(const Type& type, const Items& items, std::string_view repair) {
  const auto mark = repairs_.mark();
  repairs_.take(repair);
  JsonArray out;
  out.reserve(items.size());
  for (const auto& item : items) {
    auto value = from_text(type.arguments[0], item);
    if (!value) {
      repairs_.forget(mark);
      value.error().within(out.size());
      return value;
    }
    out.push_back(*std::move(value));
  }
  drop_repeats(type, out, repairs_);
  return out;
}

Coerced Coercion::list_from_text(const Type& type, std::string_view original) {
  const auto& item = type.arguments[0];
  auto text = unfenced(original);
  if (const auto inside = undecorated_list(text); inside != text) {
    text = inside;
    repairs_.take("decorated_value");
  }
  const bool is_line = !text.contains('\n') && text.contains(',');
  if (is_line && (text.ends_with("...") || text.ends_with("\u2026"))) return refuse(text, "is a list that goes on");
  std::optional<Refusal> no_json;
  if (text.starts_with('[')) {
    auto value = json_text(type, text);
    if (value) return value;
    no_json = std::move(value.error());
  }
  if (separators(text) >= most_values) {
    const auto complaint = std::format("has more than {} items", most_values);
    return no_json ? refuse_json(text, complaint, *std::move(no_json)) : refuse(text, complaint);
  }
  if (const auto items = split_marked_lines(text)) {
    return list_of(type, *items, text.starts_with('[') ? "numbered_list" : "bullet_list");
  }
  if (auto python = python_list(type, text)) return *std::move(python);
  if (auto inside = list_inside(type, text)) return *std::move(inside);
  if (auto quoted = quoted_items(type, text)) return *std::move(quoted);
  const bool is_choice = item.required().kind == Kind::literal && reads_as(item.required(), text);
  if (!is_choice &&
      (text::equals_ignoring_case(peel(text), "none") || text::equals_ignoring_case(peel(text), "empty"))) {
    repairs_.take("none_as_empty");
    return JsonArray();
  }
  const auto& plain = item.required();
  if (!text.starts_with('[') && (is_scalar(plain) || plain.kind == Kind::string)) {
    const auto pieces = split_pieces(text);
    const bool has_lines = text.contains('\n');
    if (!has_lines && is_ambiguous_list(item, text, pieces)) return refuse(text, "may be one list or another");
    if (!has_lines && has_empty_piece(text)) return refuse(text, "has an item without text");
    if (has_lines && has_marked_line(text))
      return refuse(text, "is not a list: some of its lines are items, others not");
    const bool short_items =
        std::ranges::all_of(pieces, is_short_item) && (has_lines || std::ranges::none_of(pieces, joins_items));
    if (is_scalar(plain) || (pieces.size() > 1 && short_items)) {
      const auto repair = pieces.size() == 1 ? "single_item" : has_lines ? "line_list" : "comma_list";
      if (auto value = list_of(type, pieces, repair)) return value;
    }
  }
  if (no_json) return refuse_json(text, "is not a JSON list", *std::move(no_json));
  return refuse(text, "is not a list");
}

std::optional<Json> Coercion::quoted_items(const Type& type, std::string_view text) {
  const bool is_quoted = text.size() > 1 && (text[0] == '"' || text[0] == '\'') && text.back() == text[0];
  if (!is_quoted || text.contains('\n') || !text.contains(',')) return std::nullopt;
  const auto mark = repairs_.mark();
  auto value = json_text(type, std::format("[{}]", text));
  if (!value) {
    repairs_.forget(mark);
    return std::nullopt;
  }
  repairs_.take("comma_list");
  return *std::move(value);
}

std::optional<Json> Coercion::python_list(const Type& type, std::string_view text) {
  const bool is_tuple = text.starts_with('(') && text.ends_with(')');
  const bool is_set = text.starts_with('{') && text.ends_with('}');
  if (!is_tuple && !is_set) return std::nullopt;
  const auto inside = text::trim(text.substr(1, text.size() - 2));
  if (is_set ? inside.empty() : !inside.empty() && !inside.contains(',')) return std::nullopt;
  const auto mark = repairs_.mark();
  auto value = json_text(type, std::format("[{}]", inside));
  if (!value) {
    repairs_.forget(mark);
    return std::nullopt;
  }
  repairs_.take("python_brackets");
  return *std::move(value);
}

bool Coercion::reads_as(const Type& type, std::string_view text) {
  const auto mark = repairs_.mark();
  const bool reads = peel(text) == text && coerce_scalar(type, text, repairs_);
  repairs_.forget(mark);
  return reads;
}

bool Coercion::is_ambiguous_list(const Type& item, std::string_view text, const std::vector<std::string_view>& pieces) {
  const auto& plain = item.required();
  std::size_t most = 2;
  if (plain.kind == Kind::literal) {
    for (const auto& choice : plain.choices) {
      if (!choice.is_string()) continue;
      const auto commas = static_cast<std::size_t>(std::ranges::count(view(choice.get_string()), ','));
      most = std::max(most, commas + 1);
    }
  } else if (!is_scalar(plain)) {
    return may_group_digits(text);
  }
  for (std::size_t first = 0; first + 1 < pieces.size(); ++first) {
    for (auto last = first + 1; last < std::min(pieces.size(), first + most); ++last) {
      const auto* const end = pieces[last].data() + pieces[last].size();
      const auto begin = static_cast<std::size_t>(pieces[first].data() - text.data());
      if (reads_as(plain, text.substr(begin, static_cast<std::size_t>(end - pieces[first].data())))) return true;
    }
  }
  return plain.kind == Kind::number && mixes_commas(text);
}

}  // namespace dspy
