// The values of types as JSON.  field_grammar.cpp has whole fields, section_grammar.cpp values as they stand in
// sections, element_grammar.cpp those written as elements.
#include "llama/mask/grammars/type_grammar.hpp"

#include "llama/mask/grammars/formats.hpp"
#include "llama/mask/grammars/type_limits.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::llama::mask {
namespace {

using Kind = Type::Kind;

bool has_one_source(Kind kind) noexcept {
  return kind == Kind::image || kind == Kind::audio || kind == Kind::file;
}

}  // namespace

Expr TypeGrammar::json(const Type& type, const std::string& where) {
  return checked(json(type, 0, where, nullptr), where);
}

/// Refuses a type that has no values, such as a recursion without an end.
Expr TypeGrammar::checked(Expr made, const std::string& where) {
  if (made == Pool::nothing)
    Values::refuse(where, std::format("has no value nested at most {} levels deep", Values::deepest));
  return made;
}

Expr TypeGrammar::json(const Type& type, std::size_t level, const std::string& where, const Scope* scope) {
  auto& pool = values_.pool();
  const auto& limits = *type.limits;
  if (!limits.one_of.empty()) return values_.choice(limits.one_of, where);
  switch (type.kind) {
    case Kind::string: return values_.string(text_limits(limits), where);
    case Kind::integer:
    case Kind::number: return values_.number(number_limits(type), where);
    case Kind::boolean: return values_.boolean();
    case Kind::null_: return values_.null();
    case Kind::any: return values_.any(level);
    case Kind::literal: return values_.choice(type.choices, where);
    case Kind::list: return list(type, level, where, scope);
    case Kind::tuple: {
      std::vector<Expr> items;
      for (std::size_t i = 0; i < type.arguments.size(); ++i) {
        items.push_back(json(type.arguments[i], level + 1, std::format("{}, item {}", where, i + 1), scope));
        if (items.back() == Pool::nothing) return Pool::nothing;
      }
      return values_.tuple(items, std::nullopt, level);
    }
    case Kind::dict: return dict(type, level, where, scope);
    case Kind::optional: {
      // Of bytes, an empty text would be read as null.
      const auto& value = type.arguments[0];
      const bool is_bytes = value.kind == Kind::bytes && value.limits->one_of.empty();
      return pool.alt({is_bytes ? said(value, level, where) : json(value, level, where, scope), values_.null()});
    }
    case Kind::union_: {
      std::vector<Expr> alternatives;
      for (const auto& alternative : type.arguments) alternatives.push_back(json(alternative, level, where, scope));
      return pool.alt(alternatives);
    }
    case Kind::object: return object(type, level, where, scope);
    case Kind::reference: return reference(type, level, where, scope);
    case Kind::date:
    case Kind::datetime:
    case Kind::time:
    case Kind::duration:
    case Kind::bytes: {
      const auto quote = pool.literal("\"");
      return pool.seq({quote, bare(type, where, 0), quote});
    }
    default: break;
  }
  if (has_one_source(type.kind)) note(where, "it may have no source of its content, or several");
  return json(shape_of(type), level, where, scope);
}

Expr TypeGrammar::list(const Type& type, std::size_t level, const std::string& where, const Scope* scope) {
  const auto& item = type.arguments[0];
  const auto size = size_of(*type.limits);
  const auto inside = where + ", item";
  if (type.limits->unique_items) {
    if (const auto few = few_values(item); !few.empty()) {
      std::vector<Expr> items;
      for (const auto& value : few) items.push_back(values_.choice({&value, 1}, inside));
      return values_.subset(items, size, level, where);
    }
    note(where, "its items may be equal");
  }
  return values_.list(json(item, level + 1, inside, scope), size, level, where);
}

Expr TypeGrammar::dict(const Type& type, std::size_t level, const std::string& where, const Scope* scope) {
  const auto& [key_type, value_type] = std::pair<const Type&, const Type&>(type.arguments[0], type.arguments[1]);
  const auto size = size_of(*type.limits);
  const auto value = json(value_type, level + 1, where + ", value", scope);
  const auto keys = few_values(key_type);
  if (!keys.empty()) {
    std::vector<Values::Member> members;
    for (const auto& one : keys) members.push_back({.name = name_of(one), .value = value, .required = false});
    if (size.min == 0 && size.max >= members.size()) return values_.object(members, std::nullopt, level);
    return values_.some_members(members, size, level, where);
  }
  note(where, "a key may come twice, and then its last value counts");
  return values_.dict(key(key_type, where + ", key"), value, size, level, where);
}

/// A key as the JSON string that it is.
Expr TypeGrammar::key(const Type& type, const std::string& where) {
  if (type.kind != Kind::integer) return values_.string(text_limits(*type.limits), where);
  auto& pool = values_.pool();
  const auto quote = pool.literal("\"");
  return pool.seq({quote, values_.number(number_limits(type), where), quote});
}

Expr TypeGrammar::object(const Type& type, std::size_t level, const std::string& where, const Scope* outer) {
  const auto known = objects_.find({&type, level});
  if (known != objects_.end()) return known->second;
  const Scope scope{type, outer};
  std::vector<Values::Member> members;
  for (const auto& member : *type.members) {
    const auto inside = std::format("{}, member `{}`", where, member.name);
    note_validators(member, inside);
    const auto value = json(member.type, level + 1, inside, &scope);
    members.push_back({.name = member.name, .value = value, .required = member.is_required()});
  }
  std::optional<Expr> others;
  if (!type.arguments.empty()) {
    others = json(type.arguments[0], level + 1, where + ", other members", &scope);
    note(where, "another member may come twice, and then its last value counts");
  }
  const auto out = values_.object(members, others, level);
  objects_.emplace(std::pair(&type, level), out);
  return out;
}

/// Values that are nested too deeply are left out, so that what would hold them takes another alternative.
Expr TypeGrammar::reference(const Type& type, std::size_t level, const std::string& where, const Scope* scope) {
  for (; scope != nullptr; scope = scope->outer) {
    if (scope->object.name != type.name) continue;
    if (level >= Values::deepest) return Pool::nothing;
    return object(scope->object, level, where, scope->outer);
  }
  Values::refuse(where, std::format("refers to `{}`, which is not around it", type.name));
}

/// Dates and the like.
Expr TypeGrammar::bare(const Type& type, const std::string& where, std::size_t least_bytes) {
  auto& pool = values_.pool();
  switch (type.kind) {
    case Kind::date: return date(pool);
    case Kind::datetime: return datetime(pool);
    case Kind::time: return time(pool);
    case Kind::duration: return duration(pool);
    default: break;
  }
  const auto [wanted, max] = size_of(*type.limits);
  const auto min = std::max(wanted, least_bytes);
  const auto out = min > max ? Pool::nothing : base64(pool, min, max);
  if (out == Pool::nothing) Values::refuse(where, std::format("wants {} to {} bytes", min, max));
  return out;
}

}  // namespace dspy::llama::mask
