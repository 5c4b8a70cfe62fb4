// Lists and dicts as elements of XML: the part of `TypeGrammar` for that form.

#include "dspy/base/text.hpp"
#include "llama/mask/grammars/type_grammar.hpp"
#include "llama/mask/grammars/type_limits.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::llama::mask {
namespace {

using Kind = Type::Kind;

bool is_tag_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto part = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; };
  return !name.empty() && letter(name[0]) && std::ranges::all_of(name, part);
}

/// The least and the most repetitions, as a pool counts them.
Expr repeat(Pool& pool, Expr part, const Values::Size& size) {
  const auto bound = [](std::size_t value) {
    return value >= Pool::unbounded ? Pool::unbounded : static_cast<std::uint32_t>(value);
  };
  return pool.repeat(part, bound(size.min), bound(size.max));
}

/// What stands between the quotes of an attribute: no sign that would need an entity.
Dfa attribute_text() {
  constexpr std::string_view reserved = "\"<>&\n\r\t";
  const auto any = any_text();
  ByteClasses classes;
  classes.split(any.classes());
  for (const char c : reserved) classes.split(ByteSet::of(static_cast<unsigned char>(c)));
  return *build_dfa(
      any.start(), classes,
      [&](Dfa::State at, unsigned char byte) -> std::optional<Dfa::State> {
        const auto next = byte < 0x80 && reserved.contains(static_cast<char>(byte)) ? Dfa::dead : any.next(at, byte);
        return next == Dfa::dead ? std::nullopt : std::optional(next);
      },
      [&](Dfa::State at) { return Dfa::Facts{.accepts = any.accepts(at), .at_boundary = any.at_boundary(at)}; });
}

}  // namespace

/// Readers would take an element for a section if it had the name of a field.
bool TypeGrammar::is_taken(std::string_view tag) const {
  return std::ranges::any_of(style_.place.names,
                             [&](std::string_view name) { return text::equals_ignoring_case(name, tag); });
}

bool TypeGrammar::has_elements(const Type& type) const {
  const auto kind = type.required().kind;
  return style_.json.inside != Inside::nothing && (kind == Kind::list || kind == Kind::dict) && !is_taken("item") &&
         !is_taken("entry");
}

Expr TypeGrammar::elements(const Field& field) {
  const auto where = field_name(field);
  note_validators(field, where);
  braced_name_ = braced_name_of(field);
  return elements(field.type, where, !field.type.is_optional(), field.name);
}

Expr TypeGrammar::element(const Field& field) {
  const auto where = field_name(field);
  note_validators(field, where);
  braced_name_ = braced_name_of(field);
  return checked(element(field.name, field.name, field.type, where), where);
}

Expr TypeGrammar::element(std::string_view open, std::string_view close, const Type& type, const std::string& where) {
  auto& pool = values_.pool();
  const auto wrap = [&](Expr inside) {
    return pool.seq({pool.literal(std::format("<{}>", open)), inside, pool.literal(std::format("</{}>", close))});
  };
  if (!is_literal()) return wrap(elements(type, where, true, close));
  const auto none = pool.literal(std::format("<{}/>", open));
  if (type.kind == Kind::null_) return none;
  if (!type.is_optional()) return wrap(elements(type, where, true, close));
  return pool.alt({wrap(elements(type.arguments[0], where, false, close)), none});
}

/// What stands between the tags.  `may_be_empty`: no parts, or a word for no value, are not taken for none.
Expr TypeGrammar::elements(const Type& type, const std::string& where, bool may_be_empty, std::string_view element) {
  switch (type.kind) {
    case Kind::optional:
      return values_.pool().alt(
          {elements(type.arguments[0], where, false, element), values_.pool().literal(style_.null)});
    case Kind::list:
    case Kind::dict:
      if (has_elements(type)) return parts(type, where, may_be_empty);
      [[fallthrough]];
    default: return text(type, where, {.may_be_null = may_be_empty, .in_element = true, .element = element});
  }
}

Expr TypeGrammar::parts(const Type& type, const std::string& where, bool may_be_empty) {
  auto& pool = values_.pool();
  auto size = size_of(*type.limits);
  if (!may_be_empty) size.min = std::max<std::size_t>(size.min, 1);
  if (size.min > size.max)
    Values::refuse(where, std::format("wants at least {} parts and at most {}", size.min, size.max));
  if (type.kind == Kind::list) {
    const auto item = where + ", item";
    if (type.limits->unique_items) {
      std::vector<Expr> items;
      for (const auto& value : few_values(type.arguments[0]))
        items.push_back(element("item", "item", Type::literal({value}), item));
      if (!items.empty()) return different(items, size, where);
      note(where, "its items may be equal");
    }
    return repeat(pool, element("item", "item", type.arguments[0], item), size);
  }
  const auto& value = type.arguments[1];
  const auto inside = where + ", value";
  note(where, "a key may come twice, and then its last value counts");
  std::vector<Expr> members;
  for (const auto& key : few_values(type.arguments[0])) {
    const auto name = name_of(key);
    const bool is_tag = is_tag_name(name) && !is_taken(name);
    const auto open = is_tag ? name : std::format("entry key=\"{}\"", escape_attribute(name));
    members.push_back(element(open, is_tag ? name : "entry", value, inside));
  }
  if (members.empty()) {
    const auto open =
        pool.seq({pool.literal("<entry key=\""), attribute(type.arguments[0], where), pool.literal("\"")});
    const auto full = [&](const Type& of, bool may_be_null) {
      return pool.seq({open, pool.literal(">"), elements(of, inside, may_be_null, "entry"), pool.literal("</entry>")});
    };
    const bool is_null = is_literal() && value.kind == Kind::null_;
    if (!is_null)
      members.push_back(full(is_literal() ? value.required() : value, !value.is_optional() || !is_literal()));
    if (is_literal() && (is_null || value.is_optional())) members.push_back(pool.seq({open, pool.literal("/>")}));
  }
  return repeat(pool, pool.alt(members), size);
}

/// Some of the parts, none twice, in their order.
Expr TypeGrammar::different(const std::vector<Expr>& parts, const Values::Size& size, const std::string& where) {
  const auto most = std::min(size.max, parts.size());
  if (size.min > most)
    Values::refuse(where, std::format("wants {} different parts and has {}", size.min, parts.size()));
  if (parts.size() * most > 1'000'000) Values::refuse(where, "is a set of too many choices");
  auto& pool = values_.pool();
  // rest[n]: what may come after the parts up to here, of which n were taken.
  std::vector<Expr> rest(most + 1, Pool::nothing);
  for (auto count = size.min; count <= most; ++count) rest[count] = Pool::empty;
  for (auto at = parts.size(); at-- > 0;) {
    for (std::size_t count = 0; count < most; ++count)
      rest[count] = pool.alt({rest[count], pool.seq(parts[at], rest[count + 1])});
  }
  return rest[0];
}

/// A key that is not one of a few.
Expr TypeGrammar::attribute(const Type& key, const std::string& where) {
  if (key.kind == Kind::integer) return values_.number(number_limits(key), where + ", key");
  auto limits = text_limits(*key.limits);
  limits.min_length = std::max<std::size_t>(limits.min_length, 1);
  auto& pool = values_.pool();
  auto dfa = with_patterns(pool, attribute_text(), limits.patterns);
  if (!dfa) Values::refuse(where + ", key", dfa.error());
  const auto out = with_length(pool, *std::move(dfa), limits.min_length, limits.max_length);
  if (!out) Values::refuse(where + ", key", out.error());
  return *out;
}

}  // namespace dspy::llama::mask
