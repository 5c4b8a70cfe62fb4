// A model's text or JSON as a value of a type, part by part.

#include "adapters/coerce.hpp"
#include "adapters/labels.hpp"
#include "adapters/lenient_json.hpp"
#include "adapters/lists.hpp"
#include "adapters/scalars.hpp"
#include "adapters/times.hpp"
#include "dspy/base/text.hpp"
#include "signature/fit.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <optional>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Kind = Type::Kind;

/// Gives a variable another value for as long as it lives.
template <class T>
class Held {
 public:
  Held(T& place, T value) : place_(place), before_(std::exchange(place, value)) {}
  ~Held() { place_ = before_; }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  T& place_;
  T before_;
};

/// For text that looked like JSON: names the part at fault if it was that, else the text.
Coerced refuse_json(std::string_view text, std::string_view complaint, Refusal inner) {
  auto outer = refuse(text, std::format("{}: {}", complaint, inner.reason));
  const bool is_part = !inner.violations[0].path.empty();
  if (is_part) outer.error().violations = std::move(inner.violations);
  return outer;
}

std::unexpected<Refusal> refuse_union(const Json& value, const std::string& complaint) {
  auto out = refuse(value, complaint, "the value " + complaint);
  out.error().violations[0].rule = "union";
  return out;
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

/// At least as many as there are items but one, if a text is a list; of a short one nobody asks.
std::size_t separators(std::string_view text) {
  if (text.size() <= most_values) return 0;
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return c == ',' || c == '\n'; }));
}

/// Recursive descent along the type.
class Coercion {
 public:
  Coercion(Liberties& liberties, const Scope* scope) : liberties_(liberties), scope_(scope) {}

  Coerced from_text(const Type& type, std::string_view text) {
    switch (type.kind) {
      case Kind::string: return Json(text);
      case Kind::list: return list_from_text(type, text);
      case Kind::dict: {
        auto value = dict_from_text(type, text);
        if (value) return value;
        if (auto inside = object_inside(type, text)) return *std::move(inside);
        return value;
      }
      case Kind::optional: return optional_from_text(type.arguments[0], text);
      case Kind::integer:
      case Kind::number:
      case Kind::boolean:
      case Kind::literal: return coerce_scalar(type, text, liberties_);
      case Kind::union_:
        if (auto value = best_of(type, [&](const Type& alternative) { return from_text(alternative, text); }))
          return *std::move(value);
        return refused_union(type, Json(text));
      case Kind::reference:
        return at_reference(type, Json(text), [&](const Type& object, const Json&) { return from_text(object, text); });
      case Kind::null_: return null_from_text(text);
      case Kind::any: return any_from_text(text);
      case Kind::code: return Json(unfenced(text));
      case Kind::reasoning: return Json(text);
      default: break;
    }
    if (!is_structured(type)) return plain_value(type, text);
    const auto inner = unfenced(text);
    Coerced value = Json(text);  // `fit` has the last word
    if (inner.starts_with('{') || inner.starts_with('[')) {
      value = json_text(type, inner);
      if (value) return value;
    }
    if (type.kind == Kind::tuple) {
      if (auto python = python_list(type, inner)) return *std::move(python);
    }
    if (type.kind != Kind::object) return value;
    if (auto inside = object_inside(type, inner)) return *std::move(inside);
    return value;
  }

  Coerced from_json(const Type& type, Json value) {
    if (union_depth_ > 0 && ++union_steps_ > most_union_steps) return refused_union(type, value);
    if (type.is_optional()) {
      if (value.is_null()) return value;
      if (value.is_string() && !takes_text(type.arguments[0], view(value.get_string()))) {
        const auto text = text::trim(view(value.get_string()));
        if (is_null_word(text)) {
          if (text != "none" && text != "None") liberties_.take("null_word");
          return nullptr;
        }
      }
      return from_json(type.arguments[0], std::move(value));
    }
    if (type.kind == Kind::string) return text_of(std::move(value));
    if (is_scalar(type)) return scalar_from_json(type, value);
    if (type.kind == Kind::union_) {
      auto best = best_of(type, [&](const Type& alternative) { return from_json(alternative, value); });
      if (best) return *std::move(best);
      if (const auto* const meant = tagged_alternative(type, value)) return refused_alternative(*meant, value);
      return refused_union(type, value);
    }
    if (type.kind == Kind::reference) {
      return at_reference(type, std::move(value),
                          [&](const Type& object, Json inner) { return from_json(object, std::move(inner)); });
    }
    if (type.kind == Kind::null_ && value.is_string()) return null_from_text(text::trim(view(value.get_string())));
    if (type.kind == Kind::date || type.kind == Kind::datetime || type.kind == Kind::duration)
      return time_from_json(type, std::move(value));
    const bool has_parts =
        type.kind == Kind::list || type.kind == Kind::dict || type.kind == Kind::tuple || type.kind == Kind::object;
    if (!has_parts) return value;  // `fit` has the last word
    if (value.is_string()) {
      auto read = from_text(type, text::trim(view(value.get_string())));
      if (read) liberties_.take("quoted_value");
      return read;
    }
    switch (type.kind) {
      case Kind::list: return list_from_json(type, std::move(value));
      case Kind::dict: return dict_from_json(type, std::move(value));
      case Kind::tuple: return tuple_from_json(type, std::move(value));
      default: return object_from_json(type, std::move(value));
    }
  }

 private:
  /// A null only where it stands as a word; in quotes it is text, if text may stand there.
  Coerced optional_from_text(const Type& inner, std::string_view text) {
    if (inner.kind == Kind::literal && std::ranges::contains(inner.choices, Json(text))) return Json(text);
    if (!is_null_word(text)) return from_text(inner, text);
    const bool quoted = text.size() > 1 && (text[0] == '"' || text[0] == '\'') && text.back() == text[0];
    if (quoted && takes_text(inner, text)) {
      liberties_.take("decorated_value");
      return Json(text.substr(1, text.size() - 2));
    }
    if (!text.empty() && text != "none" && text != "None") liberties_.take("null_word");
    return nullptr;
  }

  Coerced null_from_text(std::string_view text) {
    if (!is_null_word(text)) return refuse(text, "is not null");
    if (!text.empty() && text != "none" && text != "None" && text != "null") liberties_.take("null_word");
    return nullptr;
  }

  /// JSON if all of it is, in our spelling or Python's; else text.
  Coerced any_from_text(std::string_view text) {
    const auto inner = unfenced(text);
    if (inner == "None" || inner == "none" || inner == "null") return nullptr;
    if (inner == "True" || inner == "true") return true;
    if (inner == "False" || inner == "false") return false;
    if (inner.starts_with('{') || inner.starts_with('[')) {
      const auto mark = liberties_.mark();
      auto value = json_text(Type::any(), inner);
      const auto taken = liberties_.cut(mark);
      // What only begins like JSON may be text.
      if (std::ranges::contains(taken, std::string_view("unclosed"), &Flag::liberty))
        return refuse(text, "may be text or JSON that is cut off");
      liberties_.take(taken);
      if (value) return value;
    }
    if (auto value = parse_json(inner)) return *std::move(value);
    return Json(text);
  }

  /// A date, datetime or duration; numbers count seconds.
  Coerced time_from_json(const Type& type, Json value) {
    if (value.is_string()) return plain_value(type, text::trim(view(value.get_string())));
    if (value.is_int64()) {
      if (auto text = read_seconds(type.kind, value.get_int64(), liberties_)) return Json(*text);
    } else if (value.is_double() && type.kind == Kind::duration) {
      if (auto text = read_time_like(type.kind, to_text(value), liberties_)) return Json(*text);
    }
    return value;  // `fit` has the last word
  }

  /// `(1, 2)` and `{1, 2}`, as Python writes tuples and sets.  `(1)` is none.
  std::optional<Json> python_list(const Type& type, std::string_view text) {
    const bool is_tuple = text.starts_with('(') && text.ends_with(')');
    const bool is_set = text.starts_with('{') && text.ends_with('}');
    if (!is_tuple && !is_set) return std::nullopt;
    const auto inside = text::trim(text.substr(1, text.size() - 2));
    if (is_set ? inside.empty() : !inside.empty() && !inside.contains(',')) return std::nullopt;
    const auto mark = liberties_.mark();
    auto value = json_text(type, std::format("[{}]", inside));
    if (!value) {
      liberties_.forget(mark);
      return std::nullopt;
    }
    liberties_.take("python_brackets");
    return *std::move(value);
  }

  /// True if all of the text is a value of the scalar type, without anything around it.
  bool reads_as(const Type& type, std::string_view text) {
    const auto mark = liberties_.mark();
    const bool reads = peel(text) == text && coerce_scalar(type, text, liberties_);
    liberties_.forget(mark);
    return reads;
  }

  /// True if several of the pieces in a row, with the commas between them, are an item too: then `1,234, 5` may be
  /// two items or three.
  bool is_ambiguous_list(const Type& item, std::string_view text, const std::vector<std::string_view>& pieces) {
    const auto& plain = item.required();
    std::size_t most = 2;
    if (plain.kind == Kind::literal) {
      for (const auto& choice : plain.choices) {
        if (!choice.is_string()) continue;
        const auto commas = static_cast<std::size_t>(std::ranges::count(view(choice.get_string()), ','));
        most = std::max(most, commas + 1);
      }
    } else if (!is_scalar(plain)) {
      return false;
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

  /// True if all of the text, a single comma between digits (`1,5`), or some commas that stand between digits and some
  /// that have a blank (`1,5, 2,5`), might be decimal commas.
  static bool mixes_commas(std::string_view text) {
    std::size_t tight = 0;
    std::size_t loose = 0;
    for (auto at = text.find(','); at != std::string_view::npos; at = text.find(',', at + 1)) {
      const bool is_loose = at + 1 >= text.size() || text[at + 1] == ' ';
      ++(is_loose ? loose : tight);
    }
    return tight > 0 && (loose > 0 || tight == 1);
  }

  /// True if a text of JSON is a value of the type as it stands, so that it means that text.
  static bool takes_text(const Type& type, std::string_view text) {
    switch (type.kind) {
      case Kind::string:
      case Kind::any:
      case Kind::code:
      case Kind::reasoning: return true;
      case Kind::literal: return std::ranges::contains(type.choices, Json(text));
      case Kind::union_:
        return std::ranges::any_of(type.arguments, [&](const Type& each) { return takes_text(each, text); });
      default: return false;
    }
  }

  /// What stands inside, if `text` is one code fence and nothing else.
  std::string_view unfenced(std::string_view text) {
    const auto line_end = text.find('\n');
    if (line_end == std::string_view::npos) return text;
    const auto opening = match_fence(text.substr(0, line_end));
    if (opening.kind != FenceLine::Kind::fence) return text;
    const auto last = text.rfind('\n');
    const auto closing = match_fence(text.substr(last + 1));
    if (last == line_end || closing.kind != FenceLine::Kind::fence || !closing.bare || closing.ticks < opening.ticks)
      return text;
    liberties_.take("fenced");
    return text::trim(text.substr(line_end, last - line_end));
  }

  /// Reads a JSON value that all of `text` is, but for separate lines after it.
  Coerced json_text(const Type& type, std::string_view text) {
    const auto mark = liberties_.mark();
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
      liberties_.take("trailing_text");
    }
    liberties_.take(read->liberties);
    auto value = from_json(type, std::move(read->value));
    if (!value) liberties_.forget(mark);
    return value;
  }

  template <class Items>
  Coerced list_of(const Type& type, const Items& items, std::string_view liberty) {
    const auto mark = liberties_.mark();
    liberties_.take(liberty);
    JsonArray out;
    out.reserve(items.size());
    for (const auto& item : items) {
      auto value = from_text(type.arguments[0], item);
      if (!value) {
        liberties_.forget(mark);
        value.error().within(out.size());
        return value;
      }
      out.push_back(*std::move(value));
    }
    drop_repeats(type, out, liberties_);
    return out;
  }

  Coerced list_from_text(const Type& type, std::string_view original) {
    const auto& item = type.arguments[0];
    const auto text = unfenced(original);
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
    const bool is_choice = item.required().kind == Kind::literal && reads_as(item.required(), text);
    if (!is_choice &&
        (text::equals_ignoring_case(peel(text), "none") || text::equals_ignoring_case(peel(text), "empty"))) {
      liberties_.take("none_as_empty");
      return JsonArray();
    }
    const auto& plain = item.required();
    if (!text.starts_with('[') && (is_scalar(plain) || plain.kind == Kind::string)) {
      const auto pieces = split_pieces(text);
      const bool has_lines = text.contains('\n');
      if (!has_lines && is_ambiguous_list(item, text, pieces)) return refuse(text, "may be one list or another");
      const bool short_items =
          std::ranges::all_of(pieces, is_short_item) && (has_lines || std::ranges::none_of(pieces, joins_items));
      if (is_scalar(plain) || (pieces.size() > 1 && short_items)) {
        const auto liberty = pieces.size() == 1 ? "single_item" : has_lines ? "line_list" : "comma_list";
        if (auto value = list_of(type, pieces, liberty)) return value;
      }
    }
    if (no_json) return refuse_json(text, "is not a JSON list", *std::move(no_json));
    return refuse(text, "is not a list");
  }

  /// The alternative that takes the fewest liberties, of those equal the first that is no text:
  /// what reads as a number or a date is one.
  template <class F>
  std::optional<Json> best_of(const Type& type, F&& read_as) {
    const auto mark = liberties_.mark();
    std::optional<Json> best;
    std::vector<Flag> best_flags;
    bool best_is_text = false;
    const Held depth(union_depth_, union_depth_ + 1);
    for (const auto& alternative : type.arguments) {
      if (union_steps_ > most_union_steps) return std::nullopt;
      auto value = read_as(alternative);
      auto flags = liberties_.cut(mark);
      if (!value) continue;
      auto fitted = fit(alternative, *std::move(value), scope_, union_steps_);
      if (!fitted) continue;
      const bool is_text = alternative.kind == Kind::string || alternative.kind == Kind::any;
      const bool better =
          !best || flags.size() < best_flags.size() || (flags.size() == best_flags.size() && best_is_text && !is_text);
      if (!better) continue;
      best = *std::move(fitted);
      best_flags = std::move(flags);
      best_is_text = is_text;
    }
    liberties_.take(best_flags);
    return best;
  }

  std::unexpected<Refusal> refused_union(const Type& type, const Json& value) const {
    return union_steps_ > most_union_steps
               ? refuse_union(value,
                              "takes too long to tell which type of the union it has; make the types differ more")
               : refuse_union(value, "is none of " + annotation_name(type));
  }

  /// The alternative of a union whose literal members alone the object has, as `type: Literal['b']`.
  const Type* tagged_alternative(const Type& type, const Json& value) const {
    const auto* const object = value.if_object();
    if (object == nullptr || union_steps_ > most_union_steps) return nullptr;
    const Type* found = nullptr;
    for (const auto& alternative : type.arguments) {
      const auto* const outer = alternative.kind == Kind::reference ? find_object(scope_, alternative.name) : nullptr;
      const auto& plain = outer != nullptr ? outer->object : alternative;
      if (plain.kind != Kind::object) continue;
      const bool is_tagged = std::ranges::any_of(*plain.members, [&](const Field& member) {
        const auto* const tag = object->if_contains(member.name);
        return member.type.kind == Kind::literal && tag != nullptr && std::ranges::contains(member.type.choices, *tag);
      });
      if (!is_tagged) continue;
      if (found != nullptr) return nullptr;
      found = &alternative;
    }
    return found;
  }

  Coerced refused_alternative(const Type& type, const Json& value) {
    const auto mark = liberties_.mark();
    auto read = from_json(type, value);
    liberties_.forget(mark);
    if (!read) {
      read.error().reason = to_sentence(read.error().violations);
      read.error().tells_place = true;
      return read;
    }
    auto fitted = fit(type, *std::move(read), scope_, union_steps_);
    if (fitted) return refuse_union(value, "is none of " + annotation_name(type));
    return std::unexpected(
        Refusal{.reason = to_sentence(fitted.error()), .violations = std::move(fitted.error()), .tells_place = true});
  }

  /// Text that is the value itself, such as a date, without quotes and emphasis around it.
  Coerced plain_value(const Type& type, std::string_view text) {
    if (fit(type, Json(text))) return Json(text);
    const auto inside = peel(text);
    std::optional<Json> value;
    if (auto read = read_time_like(type.kind, inside, liberties_)) {
      value = Json(*read);
    } else if (inside != text && fit(type, Json(inside))) {
      value = Json(inside);
    }
    if (!value) return Json(text);  // `fit` has the last word
    if (inside != text) liberties_.take("decorated_value");
    return *value;
  }

  /// The value of the one JSON list that a text announces: behind a colon, on lines of its own, fenced or not.
  std::optional<Json> list_inside(const Type& type, std::string_view text) {
    const auto begin = text.find("\n[");
    if (begin == std::string_view::npos) return std::nullopt;
    const auto read = read_lenient_json(text, begin + 1);
    if (!read || read->liberties.has(JsonLiberty::unclosed)) return std::nullopt;
    auto before = text::trim(text.substr(0, begin));
    auto after = text::trim(text.substr(read->end));
    const auto last_line = before.rfind('\n') + 1;  // 0 where there is one line only
    const bool fenced = before.substr(last_line).starts_with("```") && after.starts_with("```");
    if (fenced) {
      before = text::trim(before.substr(0, last_line));
      after = text::trim(after.substr(3));
    }
    if (!before.ends_with(':') || before.contains('[') || after.contains('[')) return std::nullopt;
    auto value = json_text(type, text.substr(begin + 1, read->end - begin - 1));
    if (!value) return std::nullopt;
    if (fenced) liberties_.take("fenced");
    liberties_.take("leading_text");
    if (!after.empty()) liberties_.take("trailing_text");
    return *std::move(value);
  }

  /// Where the first brace stands that opens no placeholder such as `{player}`.
  static std::size_t first_object(std::string_view text) noexcept {
    auto begin = text.find('{');
    while (begin != std::string_view::npos) {
      const auto end =
          text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ ", begin + 1);
      if (end == std::string_view::npos || text[end] != '}' || end == begin + 1) return begin;
      begin = text.find('{', end);
    }
    return begin;
  }

  /// The value of the one JSON object in a text that says something around it.  With a second one it would be a guess.
  std::optional<Json> object_inside(const Type& type, std::string_view text) {
    const auto begin = first_object(text);
    if (begin == std::string_view::npos) return std::nullopt;
    const auto read = read_lenient_json(text, begin);
    if (!read || text.find('{', read->end) != std::string_view::npos) return std::nullopt;
    const bool leads = !text::trim(text.substr(0, begin)).empty();
    const bool trails = !text::trim(text.substr(read->end)).empty();
    if (!leads && !trails) return std::nullopt;
    auto value = json_text(type, text.substr(begin, read->end - begin));
    if (!value) return std::nullopt;
    if (leads) liberties_.take("leading_text");
    if (trails) liberties_.take("trailing_text");
    return *std::move(value);
  }

  Coerced dict_from_text(const Type& type, std::string_view original) {
    const auto text = unfenced(original);
    if (!text.starts_with('{')) return refuse(text, "is not a JSON object");
    auto value = json_text(type, text);
    if (!value) return refuse_json(text, "is not a JSON object", std::move(value.error()));
    return value;
  }

  /// Calls `read` with the object that a reference means; in there, references mean what is around that.
  template <class F>
  Coerced at_reference(const Type& type, Json value, F&& read) {
    const auto* const found = find_object(scope_, type.name);
    if (found == nullptr) return value;  // `fit` has the last word
    const Held scope(scope_, found->outer);
    return read(found->object, std::move(value));
  }

  Coerced text_of(Json value) {
    if (value.is_string()) return value;
    if (value.is_null()) return refuse(value, "is null", "the value is null");
    liberties_.take("json_as_text");
    return Json(to_text(value));
  }

  /// A JSON number, boolean or string for a scalar type.
  Coerced scalar_from_json(const Type& type, const Json& value) {
    if (type.kind == Kind::literal && std::ranges::contains(type.choices, value)) return value;
    if (type.kind == Kind::literal && value.is_double()) {
      Json integer = value;
      if (make_integer(integer) && std::ranges::contains(type.choices, integer)) {
        liberties_.take("whole_float");
        return integer;
      }
    }
    if (value.is_string()) {
      auto scalar = coerce_scalar(type, text::trim(view(value.get_string())), liberties_);
      if (scalar && type.kind != Kind::literal) liberties_.take("quoted_value");
      return scalar;
    }
    if (type.kind == Kind::boolean) {
      if (value.is_bool()) return value;
    } else if (type.kind == Kind::literal) {
      if (!value.is_null() && !value.is_structured()) {
        auto scalar = coerce_scalar(type, to_text(value), liberties_);
        if (scalar) liberties_.take("json_as_text");
        return scalar;
      }
    } else if (value.is_number()) {
      if (type.kind == Kind::integer && value.is_double() && value.get_double() == std::trunc(value.get_double()))
        liberties_.take("whole_float");
      return value;  // `fit` has the last word
    }
    if (type.kind == Kind::boolean && value.is_int64() && (value.get_int64() == 0 || value.get_int64() == 1)) {
      liberties_.take("bool_word");
      return value.get_int64() == 1;
    }
    auto scalar = coerce_scalar(type, to_text(value), liberties_);  // which says what is wrong with it
    if (!scalar) scalar.error().violations[0].value = value_at_fault(value);
    return scalar;
  }

  Coerced list_from_json(const Type& type, Json value) {
    if (!value.is_array()) return refuse(value, "is not a list");
    auto& items = value.get_array();
    for (std::size_t i = 0; i < items.size(); ++i) {
      auto read = from_json(type.arguments[0], std::move(items[i]));
      if (!read) {
        read.error().within(i);
        return read;
      }
      items[i] = *std::move(read);
    }
    drop_repeats(type, items, liberties_);
    return value;
  }

  Coerced dict_from_json(const Type& type, Json value) {
    if (!value.is_object()) return refuse(value, "is not a JSON object");
    for (auto& member : value.get_object()) {
      auto read = from_json(type.arguments[1], std::move(member.value()));
      if (!read) {
        read.error().within(member.key());
        return read;
      }
      member.value() = *std::move(read);
    }
    return value;
  }

  Coerced tuple_from_json(const Type& type, Json value) {
    if (!value.is_array() || value.get_array().size() != type.arguments.size())
      return value;  // `fit` says what is wrong
    for (std::size_t i = 0; i < type.arguments.size(); ++i) {
      auto read = from_json(type.arguments[i], std::move(value.get_array()[i]));
      if (!read) {
        read.error().within(i);
        return read;
      }
      value.get_array()[i] = *std::move(read);
    }
    return value;
  }

  /// What the object has no member for is left to `fit`.
  Coerced object_from_json(const Type& type, Json value) {
    if (!value.is_object()) return value;
    note_defaults(type, value.get_object(), liberties_);
    const Scope inside{type, scope_};
    const Held scope(scope_, &inside);
    for (const auto& field : *type.members) {
      auto* const member = value.get_object().if_contains(field.name);
      if (member == nullptr || (member->is_null() && field.default_value)) continue;
      auto read = from_json(field.type, std::move(*member));
      if (!read) {
        if (!read.error().tells_place) read.error().reason = std::format("`{}`: {}", field.name, read.error().reason);
        read.error().within(field.name);
        return read;
      }
      *member = *std::move(read);
    }
    return value;
  }

  Liberties& liberties_;
  const Scope* scope_;  ///< The objects around what is being read.
  int union_depth_ = 0;
  int union_steps_ = 0;
};

}  // namespace

Coerced coerce_text(const Type& type, std::string_view text, Liberties& liberties, const Scope* scope) {
  return Coercion(liberties, scope).from_text(type, text);
}

Coerced coerce_json(const Type& type, Json value, Liberties& liberties) {
  return Coercion(liberties, nullptr).from_json(type, std::move(value));
}

}  // namespace dspy
