#include "adapters/coerce.hpp"

#include "adapters/excerpt.hpp"
#include "adapters/labels.hpp"
#include "adapters/lists.hpp"
#include "adapters/numbers.hpp"
#include "adapters/scalars.hpp"
#include "dspy/base/text.hpp"
#include "signature/fit.hpp"

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
  if (!read) {
    auto reason = std::format("{} (byte {})", read.error().message, read.error().position);
    return refuse(text, "is no JSON: " + reason, reason);
  }
  if (read->liberties.has(JsonLiberty::unclosed_string))
    return refuse(text, "is cut off within a string", "the text is cut off within a string");
  const auto rest = text.substr(read->end);
  if (!text::trim(rest).empty()) {
    if (!text::trim(rest.substr(0, rest.find('\n'))).empty())
      return refuse(text, "has text after its JSON value", "text follows the JSON value");
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
      value.error().within(out.size());
      return value;
    }
    out.push_back(*std::move(value));
  }
  return out;
}

/// For text that looked like JSON: names the part at fault if it was that, else the text.
Coerced refuse_json(std::string_view text, std::string_view complaint, Refusal inner) {
  auto outer = refuse(text, std::format("{}: {}", complaint, inner.reason));
  const bool is_part = !inner.violations[0].path.empty();
  if (is_part) outer.error().violations = std::move(inner.violations);
  return outer;
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
  std::optional<Refusal> no_json;
  if (text.starts_with('[')) {
    auto value = json_text(type, text, liberties);
    if (value) return value;
    no_json = std::move(value.error());
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
  if (no_json) return refuse_json(text, "is not a JSON list", *std::move(no_json));
  return refuse(text, "is not a list");
}

/// The alternative that takes the fewest liberties, of those equal the first that is no text:
/// what reads as a number or a date is one.
template <class F>
std::optional<Json> best_of(const Type& type, F&& read_as, Liberties& liberties) {
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
  liberties.take(best_flags);
  return best;
}

Coerced refuse_union(const Type& type, const Json& value) {
  const auto complaint = "is none of " + annotation_name(type);
  auto out = refuse(value, complaint, "the value " + complaint);
  out.error().violations[0].rule = "union";
  return out;
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
  if (!value) return refuse_json(text, "is not a JSON object", std::move(value.error()));
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
      if (auto value = best_of(
              type, [&](const Type& alternative) { return from_text(alternative, text, liberties); }, liberties))
        return *std::move(value);
      return refuse_union(type, Json(text));
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
  if (value.is_null()) return refuse(value, "is null", "the value is null");
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
  auto scalar = coerce_scalar(type, to_text(value), liberties);  // which says what is wrong with it
  if (!scalar) scalar.error().violations[0].value = value_at_fault(value);
  return scalar;
}

Coerced list_from_json(const Type& type, Json value, Liberties& liberties) {
  if (!value.is_array()) return refuse(value, "is not a list");
  auto& items = value.get_array();
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto read = from_json(type.arguments[0], std::move(items[i]), liberties);
    if (!read) {
      read.error().within(i);
      return read;
    }
    items[i] = *std::move(read);
  }
  return value;
}

Coerced dict_from_json(const Type& type, Json value, Liberties& liberties) {
  if (!value.is_object()) return refuse(value, "is not a JSON object");
  for (auto& member : value.get_object()) {
    auto read = from_json(type.arguments[1], std::move(member.value()), liberties);
    if (!read) {
      read.error().within(member.key());
      return read;
    }
    member.value() = *std::move(read);
  }
  return value;
}

Coerced tuple_from_json(const Type& type, Json value, Liberties& liberties) {
  if (!value.is_array() || value.get_array().size() != type.arguments.size()) return value;  // `fit` says what is wrong
  for (std::size_t i = 0; i < type.arguments.size(); ++i) {
    auto read = from_json(type.arguments[i], std::move(value.get_array()[i]), liberties);
    if (!read) {
      read.error().within(i);
      return read;
    }
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
    if (!read) {
      read.error().reason = std::format("`{}`: {}", field.name, read.error().reason);
      read.error().within(field.name);
      return read;
    }
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
    auto best =
        best_of(type, [&](const Type& alternative) { return from_json(alternative, value, liberties); }, liberties);
    return best ? Coerced(*std::move(best)) : refuse_union(type, value);
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
  if (!value) {
    value.error().within(field.name);
    return value;
  }
  auto fitted = fit(field, *std::move(value));
  if (fitted) return *std::move(fitted);
  auto relative = fitted.error();
  for (auto& violation : relative) {
    auto& path = violation.path;
    path.erase(0, field.name.size() + (path.substr(field.name.size()).starts_with('.') ? 1 : 0));
  }
  return std::unexpected(Refusal{.reason = to_sentence(relative), .violations = std::move(fitted.error())});
}

void Refusal::within(std::string_view member) {
  for (auto& violation : violations) violation.path = path_within(member, violation.path);
}

void Refusal::within(std::size_t index) {
  for (auto& violation : violations) violation.path = path_within(index, violation.path);
}

std::unexpected<Refusal> refuse(const Json& value, std::string_view complaint, std::string reason) {
  return std::unexpected(Refusal{
      .reason = std::move(reason),
      .violations = {{.path = {}, .rule = "type", .value = value_at_fault(value), .message = std::string(complaint)}}});
}

std::unexpected<Refusal> refuse(const Json& value, std::string_view complaint) {
  constexpr std::size_t longest = 60;
  const auto text = value.is_string() ? std::string(view(value.get_string())) : to_text(value);
  return refuse(value, complaint, std::format("`{}` {}", excerpt(text, longest), complaint));
}

namespace {

/// As much of a text as a message may show: a reply can be long.
Json start_of(std::string_view text) {
  constexpr std::size_t enough = 80;
  return Json(text.substr(0, enough));
}

}  // namespace

std::unexpected<Refusal> refuse(std::string_view text, std::string_view complaint) {
  return refuse(start_of(text), complaint);
}

std::unexpected<Refusal> refuse(std::string_view text, std::string_view complaint, std::string reason) {
  return refuse(start_of(text), complaint, std::move(reason));
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
