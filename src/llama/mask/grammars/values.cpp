#include "llama/mask/grammars/values.hpp"

#include "dspy/base/error.hpp"
#include "llama/mask/expressions/characters.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::llama::mask {
namespace {

std::uint32_t bound(std::size_t value) noexcept {
  return value >= Pool::unbounded ? Pool::unbounded : static_cast<std::uint32_t>(value);
}

Expr unwrap(std::expected<Expr, std::string> made, const std::string& where) {
  if (!made) Values::refuse(where, made.error());
  return *made;
}

}  // namespace

void Values::refuse(const std::string& where, std::string_view why) {
  throw Error(Errc::invalid_parameter, std::format("no mask can hold {}: it {}", where, why));
}

Expr Values::exactly(std::string_view json) {
  return pool_.literal(escape_json(std::string(json), style_.inside));
}

Expr Values::string(const TextLimits& limits, const std::string& where) {
  return unwrap(json_string(pool_, limits, style_.inside), where);
}

Expr Values::number(const NumberLimits& limits, const std::string& where) {
  return unwrap(mask::number(pool_, limits), where);
}

Expr Values::choice(std::span<const Json> values, const std::string& where) {
  if (values.empty()) refuse(where, "has no choices");
  if (values.size() > most_choices)
    refuse(where, std::format("has {} choices, where {} are possible", values.size(), most_choices));
  std::vector<std::string> texts;
  texts.reserve(values.size());
  for (const auto& value : values) texts.push_back(escape_json(to_text(value), style_.inside));
  return one_of_texts(pool_, std::move(texts));
}

std::string Values::line_at(std::size_t level) const {
  return style_.indent == 0 ? std::string() : "\n" + std::string(level * style_.indent, ' ');
}

Expr Values::comma(std::size_t level) {
  return pool_.literal(style_.after_item + line_at(level + 1));
}

Expr Values::bracketed(std::string_view brackets, Expr inside, std::size_t level) {
  return pool_.seq({pool_.literal(std::string(brackets.substr(0, 1)) + line_at(level + 1)), inside,
                    pool_.literal(line_at(level) + std::string(brackets.substr(1)))});
}

/// So many of the part, with commas between.
Expr Values::repeated(std::string_view brackets, Expr part, Size size, std::size_t level, const std::string& where) {
  if (size.min > size.max) refuse(where, std::format("wants at least {} parts and at most {}", size.min, size.max));
  const auto none = pool_.literal(brackets);
  if (part == Pool::nothing || size.max == 0) return size.min > 0 ? Pool::nothing : none;
  const auto more = pool_.repeat(pool_.seq(comma(level), part), size.min == 0 ? 0 : bound(size.min - 1),
                                 size.max == SIZE_MAX ? Pool::unbounded : bound(size.max - 1));
  const auto some = bracketed(brackets, pool_.seq(part, more), level);
  return size.min == 0 ? pool_.alt({none, some}) : some;
}

/// Some of the parts in their order, with commas between.
Expr Values::chosen(std::string_view brackets, std::span<const Expr> parts, Size size, std::size_t level,
                    const std::string& where) {
  const auto most = std::min(size.max, parts.size());
  if (size.min > most) refuse(where, std::format("wants {} different parts and has {}", size.min, parts.size()));
  if (parts.size() * most > 1'000'000) refuse(where, "is a set of too many choices");
  const auto none = pool_.literal(brackets);
  if (most == 0) return none;
  // rest[n]: what may come after the parts up to here, of which n were taken.
  std::vector<Expr> rest(most + 1, Pool::nothing);
  for (auto count = std::max<std::size_t>(size.min, 1); count <= most; ++count) rest[count] = Pool::empty;
  for (auto at = parts.size(); at-- > 0;) {
    for (std::size_t count = 0; count < most; ++count) {
      const auto taken = pool_.seq(parts[at], rest[count + 1]);
      rest[count] = pool_.alt({rest[count], count == 0 ? taken : pool_.seq(comma(level), taken)});
    }
  }
  const auto some = bracketed(brackets, rest[0], level);
  return size.min == 0 ? pool_.alt({none, some}) : some;
}

Expr Values::list(Expr item, Size size, std::size_t level, const std::string& where) {
  return repeated("[]", item, size, level, where);
}

Expr Values::subset(std::span<const Expr> items, Size size, std::size_t level, const std::string& where) {
  return chosen("[]", items, size, level, where);
}

Expr Values::tuple(std::span<const Expr> items, std::optional<Expr> rest, std::size_t level) {
  if (items.empty()) return rest ? list(*rest, {}, level, {}) : pool_.literal("[]");
  auto inside = rest && *rest != Pool::nothing ? pool_.star(pool_.seq(comma(level), *rest)) : Pool::empty;
  for (auto at = items.size(); at-- > 0;) {
    inside = pool_.seq(items[at], inside);
    if (at != 0) inside = pool_.seq(comma(level), inside);
  }
  return bracketed("[]", inside, level);
}

Expr Values::object(std::span<const Member> members, std::optional<Expr> others, std::size_t level) {
  if (others && *others == Pool::nothing) others.reset();
  // What may follow when some member was written before, and when none was.
  Expr after_some = Pool::empty;
  Expr after_none = Pool::nothing;
  bool may_be_empty = true;
  if (others) {
    const auto other = member(other_key(members), *others);
    after_some = pool_.star(pool_.seq(comma(level), other));
    after_none = pool_.seq(other, after_some);
  }
  for (auto at = members.size(); at-- > 0;) {
    const auto& [name, value, required] = members[at];
    if (value == Pool::nothing) {
      if (required) return Pool::nothing;
      continue;
    }
    const auto written = pool_.seq(member(exactly(to_text(Json(name))), value), after_some);
    const auto later = pool_.seq(comma(level), written);
    after_some = required ? later : pool_.alt({later, after_some});
    after_none = required ? written : pool_.alt({written, after_none});
    may_be_empty = may_be_empty && !required;
  }
  const auto some = bracketed("{}", after_none, level);
  return may_be_empty ? pool_.alt({pool_.literal("{}"), some}) : some;
}

Expr Values::some_members(std::span<const Member> members, Size size, std::size_t level, const std::string& where) {
  std::vector<Expr> parts;
  for (const auto& [name, value, required] : members) parts.push_back(member(exactly(to_text(Json(name))), value));
  return chosen("{}", parts, size, level, where);
}

/// A JSON string that is none of the members' names.
Expr Values::other_key(std::span<const Member> members) {
  std::vector<std::string> names;
  for (const auto& member : members) names.push_back(member.name);
  Pool texts;
  const auto any = texts.star(one_of(texts, CharSet::all()));
  const auto others = texts.both(any, texts.all_but(one_of_texts(texts, std::move(names))));
  // A trie of names and a star: there are no more states than letters.
  auto escaped = escape_json(*texts.determinize(others, SIZE_MAX), style_.inside);
  const auto quote = pool_.literal("\"");
  return pool_.seq({quote, pool_.automaton(pool_.add(std::move(escaped))), quote});
}

Expr Values::dict(Expr key, Expr value, Size size, std::size_t level, const std::string& where) {
  return repeated("{}", member(key, value), size, level, where);
}

Expr Values::any(std::size_t level) {
  if (const auto known = any_.find(level); known != any_.end()) return known->second;
  const auto key = string({}, {});
  std::vector<Expr> kinds = {key, number({}, {}), boolean(), null()};
  if (level < deepest) {
    const auto inner = any(level + 1);
    kinds.push_back(list(inner, {}, level, {}));
    kinds.push_back(dict(key, inner, {}, level, {}));
  }
  const auto out = pool_.alt(kinds);
  any_.emplace(level, out);
  return out;
}

}  // namespace dspy::llama::mask
