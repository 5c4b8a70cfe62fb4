#include "llama/mask/grammars/type_grammar.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
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

/// A pattern of the texts that do not begin with `{name}`.
std::string other_than(std::string_view placeholder) {
  std::string out;
  std::string before = "^";
  for (std::size_t at = 0; at < placeholder.size();) {
    auto end = at + 1;
    while (end < placeholder.size() && (static_cast<unsigned char>(placeholder[end]) & 0xC0) == 0x80) ++end;
    auto character = std::string(placeholder.substr(at, end - at));
    if (character == "{" || character == "}") character.insert(0, 1, '\\');
    out += std::format("{0}{1}$|{1}[^{2}]", out.empty() ? "" : "|", before, character);
    before += character;
    at = end;
  }
  return out;
}

}  // namespace

std::string TypeGrammar::field_name(const Field& field) {
  return std::format("the output `{}`", field.name);
}

std::string TypeGrammar::placeholder_of(const Field& field) {
  return std::format("{{{}}}", field.name);
}

void TypeGrammar::note(const std::string& part, std::string_view reason) {
  const auto same = [&](const Unenforced& other) { return other.part == part && other.reason == reason; };
  if (std::ranges::none_of(unenforced_, same)) unenforced_.push_back({part, std::string(reason)});
}

void TypeGrammar::note_validators(const Field& field, const std::string& where) {
  for (const auto& validator : field.validators)
    note(where, std::format("the check `{}` is a function", validator.name));
}

Expr TypeGrammar::json(const Field& field, std::size_t level) {
  const auto where = field_name(field);
  note_validators(field, where);
  placeholder_ = placeholder_of(field);
  const auto& type = field.type;
  if (!type.is_optional()) return checked(said(type, level, where), where);
  if (!type.limits->one_of.empty()) return checked(json(type, level, where, nullptr), where);
  const auto& value = type.arguments[0];
  // Of bytes, an empty text would be read as null.
  const bool may_be_blank = value.kind != Kind::bytes;
  return checked(values_.pool().alt({said(value, level, where, may_be_blank), values_.null()}), where);
}

/// A value that readers do not take for a missing one: not its placeholder, and not blank unless that may be.
Expr TypeGrammar::said(const Type& type, std::size_t level, const std::string& where, bool may_be_blank) {
  const auto& limits = *type.limits;
  if (!limits.one_of.empty()) return json(type, level, where, nullptr);
  switch (type.kind) {
    case Kind::string: {
      auto text = text_limits(limits);
      if (!may_be_blank) text.patterns.emplace_back("\\S");
      text.patterns.push_back(other_than(placeholder_));
      return values_.string(text, where);
    }
    case Kind::code: {
      auto text = text_limits(limits);
      if (!may_be_blank) text.patterns.emplace_back("\\S");
      text.patterns.push_back(other_than(placeholder_));
      text.patterns.emplace_back("^`{0,2}[^`]|^`{0,2}$");  // a fence would be taken off
      return values_.string(text, where);
    }
    case Kind::reasoning: return said(shape_of(type), level, where, may_be_blank);
    case Kind::union_: {
      std::vector<Expr> alternatives;
      for (const auto& alternative : type.arguments)
        alternatives.push_back(said(alternative, level, where, may_be_blank));
      return values_.pool().alt(alternatives);
    }
    case Kind::bytes: {
      if (may_be_blank) return json(type, level, where, nullptr);
      const auto quote = values_.pool().literal("\"");
      return values_.pool().seq({quote, bare(type, where, 1), quote});
    }
    case Kind::any:
      note(where, "it may be null, blank or the prompt's placeholder, which counts as missing");
      [[fallthrough]];
    default: return json(type, level, where, nullptr);
  }
}

Expr TypeGrammar::json(const Type& type, const std::string& where) {
  return checked(json(type, 0, where, nullptr), where);
}

/// Recursion that never comes to an end leaves no value.
Expr TypeGrammar::checked(Expr made, const std::string& where) {
  if (made == Pool::nothing)
    Values::refuse(where, std::format("has no value that is nested up to {} deep", Values::deepest));
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

/// What is nested too deeply has no values here, so that whatever holds it takes another of its alternatives.
Expr TypeGrammar::reference(const Type& type, std::size_t level, const std::string& where, const Scope* scope) {
  for (; scope != nullptr; scope = scope->outer) {
    if (scope->object.name != type.name) continue;
    if (level >= Values::deepest) return Pool::nothing;
    return object(scope->object, level, where, scope->outer);
  }
  Values::refuse(where, std::format("refers to `{}`, which is not around it", type.name));
}

template <class Made, class Free>
Expr TypeGrammar::or_free(const Field& field, Made made, Free free) {
  try {
    return made();
  } catch (const Error& error) {
    if (error.code() != Errc::invalid_parameter) throw;
    note(field_name(field), error.what());
    return free();
  }
}

Expr TypeGrammar::json_or_free(const Field& field, std::size_t level) {
  return or_free(field, [&] { return json(field, level); }, [&] { return values_.any(level); });
}

Expr TypeGrammar::text_or_free(const Field& field) {
  return or_free(field, [&] { return text(field); }, [&] { return free(Type::string(), field_name(field), {}); });
}

Expr TypeGrammar::elements_or_free(const Field& field) {
  return or_free(field, [&] { return elements(field); }, [&] { return free(Type::string(), field_name(field), {}); });
}

Expr TypeGrammar::element_or_free(const Field& field) {
  return or_free(
      field, [&] { return element(field); },
      [&] { return element(field.name, field.name, Type::string(), field_name(field)); });
}

Expr TypeGrammar::text(const Field& field) {
  const auto where = field_name(field);
  note_validators(field, where);
  placeholder_ = placeholder_of(field);
  return checked(text(field.type, where, {}), where);
}

Expr TypeGrammar::text(const Type& type, const std::string& where, Around around) {
  auto& pool = values_.pool();
  if (!type.limits->one_of.empty()) return bare_choices(type.limits->one_of, where, around);
  switch (type.kind) {
    case Kind::string:
    case Kind::code:
    case Kind::reasoning: return free(type, where, around);
    case Kind::integer:
    case Kind::number: return values_.number(number_limits(type), where);
    case Kind::boolean: return one_of_texts(pool, {style_.yes, style_.no});
    case Kind::null_: return pool.literal(style_.null);
    case Kind::literal: return bare_choices(type.choices, where, around);
    case Kind::optional:
      around.may_be_null = false;
      return pool.alt({text(type.arguments[0], where, around), pool.literal(style_.null)});
    case Kind::union_: {
      std::vector<Expr> alternatives;
      around.is_alternative = std::ranges::any_of(type.arguments, [](const Type& each) {
        return each.kind == Kind::list || each.kind == Kind::tuple || each.kind == Kind::dict ||
               each.kind == Kind::object || each.kind == Kind::reference;
      });
      for (const auto& alternative : type.arguments) alternatives.push_back(text(alternative, where, around));
      return pool.alt(alternatives);
    }
    case Kind::date:
    case Kind::datetime:
    case Kind::time:
    case Kind::duration:
    case Kind::bytes: return bare(type, where, 1);  // an empty section counts as missing
    default: return json(type, 0, where, nullptr);
  }
}

/// Text up to the next section.
Expr TypeGrammar::free(const Type& type, const std::string& where, Around around) {
  auto limits = text_limits(*type.limits);
  auto place = style_.place;
  place.may_be_null = around.may_be_null;
  place.placeholder = placeholder_;
  if (around.is_alternative) limits.patterns.emplace_back(R"(^[^\[{(<`])");
  // Readers take code out of its fence.
  if (type.kind == Kind::code) limits.patterns.emplace_back("^(?:`{0,2}[^`])*`{0,2}$");
  // What is counted or matched is the text that readers find, so nothing in it may mean something else.
  place.may_escape = limits.is_unlimited() || around.in_element || is_literal();
  if (around.in_element && !is_literal()) place.names.clear();
  if (is_literal()) place.names.emplace_back(around.element);
  auto& pool = values_.pool();
  const auto texts = [&] {
    auto dfa = with_patterns(pool, free_text(place), limits.patterns);
    if (!dfa) Values::refuse(where, dfa.error());
    if (around.in_element && !is_literal()) dfa = escape_xml(*dfa);
    const auto out = with_length(pool, *std::move(dfa), limits.min_length, limits.max_length);
    if (!out) Values::refuse(where, out.error());
    return *out;
  };
  if (!is_literal()) return texts();
  const auto several = pool.seq({pool.literal("\n"), texts(), pool.literal("\n")});
  place.is_one_line = true;
  return pool.alt({texts(), several});
}

/// True if readers find a choice in its section as it is: a line without blanks around it, no marker, no open fence.
bool TypeGrammar::is_found_in_section(std::string_view name, Around around) const {
  if (text::trim(name).size() != name.size() || name.contains('\n')) return false;
  if (around.in_element) return true;
  using Among = FreeText::Among;
  const auto among = style_.place.among;
  if (among == Among::markers) return !(name.contains("[[") && name.contains("##") && name.contains("]]"));
  return among == Among::tags || !name.starts_with("```");
}

/// A choice that readers would not find as it is leaves the output free, but in XML, which can say any text; the others
/// stay as they are.  The empty text is an empty section.
Expr TypeGrammar::bare_choices(const std::vector<Json>& choices, const std::string& where, Around around) {
  if (choices.size() > Values::most_choices)
    Values::refuse(where, std::format("has {} choices, where {} are possible", choices.size(), Values::most_choices));
  auto& pool = values_.pool();
  std::vector<std::string> names;
  names.reserve(choices.size());
  std::vector<Expr> others;
  for (const auto& choice : choices) {
    auto name = name_of(choice);
    if (name.empty()) {
      others.push_back(Pool::empty);
    } else if (style_.json.inside != Inside::nothing) {
      names.push_back(is_literal() ? literal_xml(name) : escape_xml(name));
    } else if (!is_found_in_section(name, around)) {
      note(where, std::format("it may be any text, since its choice {} cannot be found as it is in a section",
                              to_text(Json(name))));
      others.push_back(free(Type::string(), where, around));
    } else {
      names.push_back(std::move(name));
    }
  }
  if (!names.empty()) others.push_back(one_of_texts(pool, std::move(names)));
  return pool.alt(others);
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
