#include "adapters/coerce.hpp"

#include "adapters/excerpt.hpp"
#include "adapters/labels.hpp"
#include "adapters/lists.hpp"
#include "adapters/numbers.hpp"
#include "adapters/scalars.hpp"
#include "dspy/base/text.hpp"

#include <cmath>
#include <format>
#include <optional>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Kind = Type::Kind;

Coerced from_text(const Type& type, std::string_view text, Liberties& liberties);
Coerced from_json(const Type& type, Json value, Liberties& liberties);

Coerced refuse(std::string_view text, std::string_view complaint) {
  constexpr std::size_t longest = 60;
  return std::unexpected(std::format("`{}` {}", excerpt(text, longest), complaint));
}

/// What stands inside, if `text` is one code fence and nothing else.
std::string_view unfenced(std::string_view text, Liberties& liberties) {
  const auto line_end = text.find('\n');
  if (line_end == std::string_view::npos) return text;
  const auto opening = match_fence(text.substr(0, line_end));
  if (opening.kind != FenceLine::Kind::fence) return text;
  const auto last = text.rfind('\n');
  const auto closing = match_fence(text.substr(last + 1));
  if (last == line_end || closing.kind != FenceLine::Kind::fence || !closing.bare || closing.ticks < opening.ticks)
    return text;
  liberties.take("fenced");
  return text::trim(text.substr(line_end, last - line_end));
}

/// Reads a JSON value that all of `text` is, but for separate lines after it.
Coerced json_text(const Type& type, std::string_view text, Liberties& liberties) {
  const auto mark = liberties.mark();
  auto read = read_lenient_json(text);
  if (!read) return std::unexpected(std::format("{} (byte {})", read.error().message, read.error().position));
  if (read->liberties.has(JsonLiberty::unclosed_string))
    return std::unexpected(std::string("the text is cut off within a string"));
  const auto rest = text.substr(read->end);
  if (!text::trim(rest).empty()) {
    if (!text::trim(rest.substr(0, rest.find('\n'))).empty())
      return std::unexpected(std::string("text follows the JSON value"));
    liberties.take("trailing_text");
  }
  liberties.take(read->liberties);
  auto value = from_json(type, std::move(read->value), liberties);
  if (!value) liberties.forget(mark);
  return value;
}

template <class Items>
Coerced list_of(const Type& type, const Items& items, std::string_view liberty, Liberties& liberties) {
  const auto mark = liberties.mark();
  liberties.take(liberty);
  JsonArray out;
  out.reserve(items.size());
  for (const auto& item : items) {
    auto value = from_text(type, item, liberties);
    if (!value) {
      liberties.forget(mark);
      return value;
    }
    out.push_back(*std::move(value));
  }
  return out;
}

/// `1,234` might be one number or two.
bool is_ambiguous_number(const Type& type, std::string_view text) {
  if (type.kind != Kind::integer && type.kind != Kind::number) return false;
  const auto number = read_number(text);
  return number && number->grouped;
}

Coerced list_from_text(const Type& type, std::string_view original, Liberties& liberties) {
  const auto& item = type.arguments[0];
  const auto text = unfenced(original, liberties);
  std::string complaint;
  if (text.starts_with('[')) {
    auto value = json_text(type, text, liberties);
    if (value) return value;
    complaint = std::move(value.error());
  }
  if (const auto items = split_marked_lines(text)) {
    return list_of(item, *items, text.starts_with('[') ? "numbered_list" : "bullet_list", liberties);
  }
  if (text::equals_ignoring_case(peel(text), "none") || text::equals_ignoring_case(peel(text), "empty")) {
    liberties.take("none_as_empty");
    return JsonArray();
  }
  const auto& plain = item.required();
  if (!text.starts_with('[') && (is_scalar(plain) || plain.kind == Kind::string) && !is_ambiguous_number(plain, text)) {
    const auto pieces = split_pieces(text);
    const bool short_items = std::ranges::all_of(pieces, is_short_item);
    if (is_scalar(plain) || (pieces.size() > 1 && short_items)) {
      const auto liberty = pieces.size() == 1 ? "single_item" : text.contains('\n') ? "line_list" : "comma_list";
      if (auto value = list_of(item, pieces, liberty, liberties)) return value;
    }
  }
  return refuse(text, complaint.empty() ? "is not a list" : std::format("is not a JSON list: {}", complaint));
}

/// The alternative that takes the fewest liberties, of those equal the first that is no text:
/// what reads as a number or a date is one.
template <class F>
Coerced best_of(const Type& type, F&& read_as, Liberties& liberties) {
  const auto mark = liberties.mark();
  std::optional<Json> best;
  std::vector<Flag> best_flags;
  bool best_is_text = false;
  for (const auto& alternative : type.arguments) {
    auto value = read_as(alternative);
    auto flags = liberties.cut(mark);
    if (!value) continue;
    auto fitted = fit(alternative, *std::move(value));
    if (!fitted) continue;
    const bool is_text = alternative.kind == Kind::string || alternative.kind == Kind::any;
    const bool better =
        !best || flags.size() < best_flags.size() || (flags.size() == best_flags.size() && best_is_text && !is_text);
    if (!better) continue;
    best = *std::move(fitted);
    best_flags = std::move(flags);
    best_is_text = is_text;
  }
  if (!best) return std::unexpected("the value is none of " + annotation_name(type));
  liberties.take(best_flags);
  return *std::move(best);
}

/// Text that is the value itself, such as a date, without quotes and emphasis around it.
Coerced plain_value(const Type& type, std::string_view text, Liberties& liberties) {
  const auto inside = peel(text);
  if (inside == text || fit(type, Json(text)) || !fit(type, Json(inside)))
    return Json(text);  // `fit` has the last word
  liberties.take("decorated_value");
  return Json(inside);
}

/// True if values of the type are, or may be, a JSON object or list.
bool is_structured(const Type& type) {
  switch (type.kind) {
    case Kind::date:
    case Kind::datetime:
    case Kind::duration:
    case Kind::bytes:
    case Kind::code:
    case Kind::reasoning: return false;
    default: return true;
  }
}

/// The value of the one JSON object in a text that says something around it.  With a second one it would be a guess.
std::optional<Json> object_inside(const Type& type, std::string_view text, Liberties& liberties) {
  const auto begin = text.find('{');
  if (begin == std::string_view::npos) return std::nullopt;
  const auto read = read_lenient_json(text, begin);
  if (!read || text.find('{', read->end) != std::string_view::npos) return std::nullopt;
  const bool leads = !text::trim(text.substr(0, begin)).empty();
  const bool trails = !text::trim(text.substr(read->end)).empty();
  if (!leads && !trails) return std::nullopt;
  auto value = json_text(type, text.substr(begin, read->end - begin), liberties);
  if (!value) return std::nullopt;
  if (leads) liberties.take("leading_text");
  if (trails) liberties.take("trailing_text");
  return *std::move(value);
}

Coerced dict_from_text(const Type& type, std::string_view original, Liberties& liberties) {
  const auto text = unfenced(original, liberties);
  if (!text.starts_with('{')) return refuse(text, "is not a JSON object");
  auto value = json_text(type, text, liberties);
  if (!value) return refuse(text, std::format("is not a JSON object: {}", value.error()));
  return value;
}

Coerced from_text(const Type& type, std::string_view text, Liberties& liberties) {
  switch (type.kind) {
    case Kind::string: return Json(text);
    case Kind::list: return list_from_text(type, text, liberties);
    case Kind::dict: {
      auto value = dict_from_text(type, text, liberties);
      if (value) return value;
      if (auto inside = object_inside(type, text, liberties)) return *std::move(inside);
      return value;
    }
    case Kind::optional:
      if (is_null_word(text)) {
        if (!text.empty() && text != "none" && text != "None") liberties.take("null_word");
        return nullptr;
      }
      return from_text(type.arguments[0], text, liberties);
    case Kind::integer:
    case Kind::number:
    case Kind::boolean:
    case Kind::literal: return coerce_scalar(type, text, liberties);
    case Kind::union_:
      return best_of(type, [&](const Type& alternative) { return from_text(alternative, text, liberties); }, liberties);
    case Kind::code: return Json(unfenced(text, liberties));
    case Kind::reasoning: return Json(text);
    default: break;
  }
  if (!is_structured(type)) return plain_value(type, text, liberties);
  const auto inner = unfenced(text, liberties);
  Coerced value = Json(text);  // `fit` has the last word
  if (inner.starts_with('{') || inner.starts_with('[')) {
    value = json_text(type, inner, liberties);
    if (value) return value;
  }
  if (type.kind != Kind::object) return value;
  if (auto inside = object_inside(type, inner, liberties)) return *std::move(inside);
  return value;
}

Coerced text_of(Json value, Liberties& liberties) {
  if (value.is_string()) return value;
  if (value.is_null()) return std::unexpected(std::string("the value is null"));
  liberties.take("json_as_text");
  return Json(to_text(value));
}

/// A JSON number, boolean or string for a scalar type.
Coerced scalar_from_json(const Type& type, const Json& value, Liberties& liberties) {
  if (type.kind == Kind::literal && std::ranges::contains(type.choices, value)) return value;
  if (value.is_string()) {
    auto scalar = coerce_scalar(type, text::trim(view(value.get_string())), liberties);
    if (scalar && type.kind != Kind::literal) liberties.take("quoted_value");
    return scalar;
  }
  if (type.kind == Kind::boolean) {
    if (value.is_bool()) return value;
  } else if (type.kind == Kind::literal) {
    if (!value.is_null() && !value.is_structured()) {
      auto scalar = coerce_scalar(type, to_text(value), liberties);
      if (scalar) liberties.take("json_as_text");
      return scalar;
    }
  } else if (value.is_number()) {
    if (type.kind == Kind::integer && value.is_double() && value.get_double() == std::trunc(value.get_double()))
      liberties.take("whole_float");
    return value;  // `fit` has the last word
  }
  if (value.is_int64() && (value.get_int64() == 0 || value.get_int64() == 1)) {
    liberties.take("bool_word");
    return value.get_int64() == 1;
  }
  return coerce_scalar(type, to_text(value), liberties);  // which says what is wrong with it
}

Coerced list_from_json(const Type& type, Json value, Liberties& liberties) {
  if (!value.is_array()) return refuse(to_text(value), "is not a list");
  for (auto& item : value.get_array()) {
    auto read = from_json(type.arguments[0], std::move(item), liberties);
    if (!read) return read;
    item = *std::move(read);
  }
  return value;
}

Coerced dict_from_json(const Type& type, Json value, Liberties& liberties) {
  if (!value.is_object()) return refuse(to_text(value), "is not a JSON object");
  for (auto& member : value.get_object()) {
    auto read = from_json(type.arguments[1], std::move(member.value()), liberties);
    if (!read) return read;
    member.value() = *std::move(read);
  }
  return value;
}

Coerced tuple_from_json(const Type& type, Json value, Liberties& liberties) {
  if (!value.is_array() || value.get_array().size() != type.arguments.size()) return value;  // `fit` says what is wrong
  for (std::size_t i = 0; i < type.arguments.size(); ++i) {
    auto read = from_json(type.arguments[i], std::move(value.get_array()[i]), liberties);
    if (!read) return read;
    value.get_array()[i] = *std::move(read);
  }
  return value;
}

/// What the object has no member for is left to `fit`, as is a part that refers to an object around it.
Coerced object_from_json(const Type& type, Json value, Liberties& liberties) {
  if (!value.is_object()) return value;
  for (const auto& field : *type.members) {
    auto* const member = value.get_object().if_contains(field.name);
    if (member == nullptr || (member->is_null() && field.default_value)) continue;
    auto read = from_json(field.type, std::move(*member), liberties);
    if (!read) return std::unexpected(std::format("`{}`: {}", field.name, read.error()));
    *member = *std::move(read);
  }
  return value;
}

Coerced from_json(const Type& type, Json value, Liberties& liberties) {
  if (type.is_optional()) {
    if (value.is_null()) return value;
    if (value.is_string()) {
      const auto text = text::trim(view(value.get_string()));
      if (is_null_word(text)) return from_text(type, text, liberties);
    }
    return from_json(type.arguments[0], std::move(value), liberties);
  }
  if (type.kind == Kind::string) return text_of(std::move(value), liberties);
  if (is_scalar(type)) return scalar_from_json(type, value, liberties);
  if (type.kind == Kind::union_) {
    return best_of(type, [&](const Type& alternative) { return from_json(alternative, value, liberties); }, liberties);
  }
  const bool has_parts =
      type.kind == Kind::list || type.kind == Kind::dict || type.kind == Kind::tuple || type.kind == Kind::object;
  if (!has_parts) return value;  // `fit` has the last word
  if (value.is_string()) {
    auto read = from_text(type, text::trim(view(value.get_string())), liberties);
    if (read) liberties.take("quoted_value");
    return read;
  }
  switch (type.kind) {
    case Kind::list: return list_from_json(type, std::move(value), liberties);
    case Kind::dict: return dict_from_json(type, std::move(value), liberties);
    case Kind::tuple: return tuple_from_json(type, std::move(value), liberties);
    default: return object_from_json(type, std::move(value), liberties);
  }
}

}  // namespace

Coerced within_limits(const Field& field, Coerced value) {
  if (!value) return value;
  auto fitted = fit(field, *std::move(value));
  if (!fitted) {
    for (auto& [path, rule, at_fault, message] : fitted.error()) path.erase(0, field.name.size());
    return std::unexpected(to_sentence(fitted.error()));
  }
  return *std::move(fitted);
}

bool is_null_word(std::string_view text) noexcept {
  const auto word = peel(text);
  if (word.empty()) return true;
  for (const std::string_view candidate : {"none", "null", "n/a"}) {
    if (text::equals_ignoring_case(word, candidate)) return true;
  }
  return false;
}

Coerced coerce(const Field& field, std::string_view text, Liberties& liberties) {
  // Most outputs are text without limits, which fits as it stands.
  if (field.type.kind == Kind::string && !field.type.limits.is_set() && field.validators.empty()) return Json(text);
  const auto mark = liberties.mark();
  auto value = within_limits(field, from_text(field.type, text, liberties));
  if (value) return value;
  liberties.forget(mark);

  const auto line_end = text.find('\n');
  if (line_end == std::string_view::npos || !is_scalar(field.type.required())) return value;
  auto first = within_limits(field, from_text(field.type, text::trim(text.substr(0, line_end)), liberties));
  if (!first) {
    liberties.forget(mark);
    return value;
  }
  liberties.take("trailing_text");
  return first;
}

Coerced coerce_text(const Type& type, std::string_view text, Liberties& liberties) {
  return from_text(type, text, liberties);
}

Coerced coerce(const Field& field, Json json, Liberties& liberties) {
  const auto mark = liberties.mark();
  auto value = within_limits(field, from_json(field.type, std::move(json), liberties));
  if (!value) liberties.forget(mark);
  return value;
}

}  // namespace dspy
