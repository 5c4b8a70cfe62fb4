// The values of a field, which a reader must find and must not take for missing: not blank, and not the name in braces
// that prompts show.  Values that no mask can describe are left free.
#include "dspy/base/error.hpp"
#include "llama/mask/grammars/type_grammar.hpp"
#include "llama/mask/grammars/type_limits.hpp"

#include <algorithm>
#include <format>

namespace dspy::llama::mask {
namespace {

using Kind = Type::Kind;

/// A pattern of the texts that do not begin with `{name}`.
std::string other_than(std::string_view braced_name) {
  std::string out;
  std::string before = "^";
  for (std::size_t at = 0; at < braced_name.size();) {
    auto end = at + 1;
    while (end < braced_name.size() && (static_cast<unsigned char>(braced_name[end]) & 0xC0) == 0x80) ++end;
    auto character = std::string(braced_name.substr(at, end - at));
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

std::string TypeGrammar::braced_name_of(const Field& field) {
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
  braced_name_ = braced_name_of(field);
  const auto& type = field.type;
  if (!type.is_optional()) return checked(said(type, level, where), where);
  if (!type.limits->one_of.empty()) return checked(json(type, level, where, nullptr), where);
  const auto& value = type.arguments[0];
  // Of bytes, an empty text would be read as null.
  const bool may_be_blank = value.kind != Kind::bytes;
  return checked(values_.pool().alt({said(value, level, where, may_be_blank), values_.null()}), where);
}

/// A value that readers do not take for missing: not the field's name in braces, and not blank unless `may_be_blank`.
Expr TypeGrammar::said(const Type& type, std::size_t level, const std::string& where, bool may_be_blank) {
  const auto& limits = *type.limits;
  if (!limits.one_of.empty()) return json(type, level, where, nullptr);
  switch (type.kind) {
    case Kind::string: {
      auto text = text_limits(limits);
      if (!may_be_blank) text.patterns.emplace_back("\\S");
      text.patterns.push_back(other_than(braced_name_));
      return values_.string(text, where);
    }
    case Kind::code: {
      auto text = text_limits(limits);
      if (!may_be_blank) text.patterns.emplace_back("\\S");
      text.patterns.push_back(other_than(braced_name_));
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
      note(where, "it may be null, blank or the field's name in braces, which counts as missing");
      [[fallthrough]];
    default: return json(type, level, where, nullptr);
  }
}

Expr TypeGrammar::text(const Field& field) {
  const auto where = field_name(field);
  note_validators(field, where);
  braced_name_ = braced_name_of(field);
  return checked(text(field.type, where, {}), where);
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

}  // namespace dspy::llama::mask
