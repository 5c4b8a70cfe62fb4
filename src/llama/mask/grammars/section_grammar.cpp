// Values as they stand in a section of their own: text as it is, numbers and choices without quotes, the rest as JSON.
#include "dspy/base/text.hpp"
#include "llama/mask/grammars/type_grammar.hpp"
#include "llama/mask/grammars/type_limits.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::llama::mask {
namespace {

using Kind = Type::Kind;

}  // namespace

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
  place.braced_name = braced_name_;
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

/// A choice that readers could not find in its section is replaced by any text, but never in XML, which can escape
/// all of it.  The empty choice is an empty section.
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

}  // namespace dspy::llama::mask
