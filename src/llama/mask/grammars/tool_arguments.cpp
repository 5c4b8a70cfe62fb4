#include "llama/mask/grammars/tool_arguments.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/json_schema.hpp"
#include "llama/mask/expressions/characters.hpp"
#include "llama/mask/grammars/type_grammar.hpp"
#include "llama/mask/grammars/values.hpp"
#include "llama/tools/element_arguments.hpp"
#include "llama/tools/python_arguments.hpp"

#include <format>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::llama::mask {
namespace {

const TextStyle style = {.json = {.after_item = ", ", .after_key = ": "}};

Expr any_object(Grammar& grammar) {
  Values values(grammar.pool, style.json);
  return values.object({}, values.any(1), 0);
}

Expr object_of(Grammar& grammar, const ToolDefinition& tool) {
  if (tool.parameters.empty()) return grammar.pool.literal("{}");
  const auto part = std::format("the arguments of the tool `{}`", tool.name);
  try {
    const auto imported = from_json_schema(Json(tool.parameters), {.allow_unsupported = true, .name = {}});
    if (const auto kind = imported.type.kind; kind != Type::Kind::object && kind != Type::Kind::dict) {
      grammar.unenforced.push_back({.part = part, .reason = "their schema is not that of an object"});
      return any_object(grammar);
    }
    for (const auto& gap : imported.gaps)
      grammar.unenforced.push_back({.part = std::format("{} at `{}`", part, gap.path), .reason = gap.message});
    return TypeGrammar(grammar.pool, style, grammar.unenforced).json(imported.type, part);
  } catch (const Error& error) {
    grammar.unenforced.push_back({.part = part, .reason = error.what()});
    return any_object(grammar);
  }
}

Expr json_or_any(Grammar& grammar, const Type& type, const std::string& part) {
  try {
    return TypeGrammar(grammar.pool, style, grammar.unenforced).json(type, part);
  } catch (const Error& error) {
    grammar.unenforced.push_back({.part = part, .reason = error.what()});
    return Values(grammar.pool, style.json).any(1);
  }
}

/// An argument's value in an element that ends with `closing`.
Expr element_of(Grammar& grammar, const Type& type, std::string_view closing, const std::string& part) {
  auto& pool = grammar.pool;
  const auto& inner = type.required();
  switch (element_text(type)) {
    case ElementText::raw:
      if (inner.kind != Type::Kind::string || *inner.limits != Limits())
        grammar.unenforced.push_back({.part = part, .reason = "it stands in the call as any text"});
      return text_without(pool, closing);
    case ElementText::either:
      grammar.unenforced.push_back({.part = part, .reason = "it stands in the call as any text, or any JSON"});
      return text_without(pool, closing);
    case ElementText::choice: {
      std::vector<std::string> texts;
      for (const auto& each : inner.choices)
        texts.push_back(each.is_string() ? std::string(view(each.get_string())) : to_text(each));
      if (type.is_optional()) texts.emplace_back("null");
      return one_of_texts(pool, std::move(texts));
    }
    case ElementText::json: break;
  }
  return json_or_any(grammar, type, part);
}

/// Arguments as elements, in the order of the schema.
Expr elements_of(Grammar& grammar, const ToolDefinition& tool, const ToolFormat& format) {
  auto& pool = grammar.pool;
  const auto closing = text::trim(format.value_after);
  const auto part = std::format("the arguments of the tool `{}`", tool.name);
  const auto element = [&](Expr key, Expr value) {
    return pool.seq({pool.literal(format.key_before), key, pool.literal(format.key_after), value,
                     pool.literal(format.value_after)});
  };
  const auto arguments = arguments_type(tool);
  if (arguments.kind != Type::Kind::object) {
    grammar.unenforced.push_back({.part = part, .reason = "no type says what its schema says"});
    return Pool::empty;
  }
  Expr out = Pool::empty;
  for (const auto& member : std::views::reverse(*arguments.members)) {
    const auto value = element_of(grammar, member.type, closing, std::format("{}, `{}`", part, member.name));
    const auto one = element(pool.literal(member.name), value);
    out = pool.seq(member.is_required() ? one : pool.optional(one), out);
  }
  return out;
}

/// An argument's value as Python writes it, or as JSON; the two differ in three words.
Expr literal_of(Grammar& grammar, const Type& type, const std::string& part) {
  auto& pool = grammar.pool;
  const auto& inner = type.required();
  auto value = Pool::nothing;
  if (inner.kind == Type::Kind::boolean)
    value = one_of_texts(pool, {"True", "False"});
  else
    value = json_or_any(grammar, inner, part);
  return type.is_optional() ? pool.alt({value, pool.literal("None")}) : value;
}

/// Arguments as `key=value`, in the order of the schema.
Expr keywords_of(Grammar& grammar, const ToolDefinition& tool) {
  auto& pool = grammar.pool;
  const auto part = std::format("the arguments of the tool `{}`", tool.name);
  const auto arguments = arguments_type(tool);
  if (arguments.kind != Type::Kind::object) {
    grammar.unenforced.push_back({.part = part, .reason = "no type says what its schema says"});
    return pool.optional(pool.seq(pool.literal("**"), any_object(grammar)));
  }
  Expr first = Pool::empty;  // what may stand where no argument was yet
  Expr next = Pool::empty;   // and after one
  for (const auto& member : std::views::reverse(*arguments.members)) {
    const auto value = literal_of(grammar, member.type, std::format("{}, `{}`", part, member.name));
    const auto one = pool.seq({pool.literal(python_key(member.name)), value, next});
    const auto another = pool.seq(pool.literal(", "), one);
    first = member.is_required() ? one : pool.alt({one, first});
    next = member.is_required() ? another : pool.alt({another, next});
  }
  return first;
}

}  // namespace

Expr text_without(Pool& pool, std::string_view text) {
  const auto any = pool.star(one_of(pool, CharSet::all()));
  const auto inside = pool.determinize(pool.both(any, pool.all_but(pool.seq({any, pool.literal(text), any}))));
  return pool.automaton(pool.add(*inside));
}

Expr arguments_of(Grammar& grammar, const ToolDefinition& tool, const ToolFormat& format) {
  if (format.python) return keywords_of(grammar, tool);
  return format.key_before.empty() ? object_of(grammar, tool) : elements_of(grammar, tool, format);
}

}  // namespace dspy::llama::mask
