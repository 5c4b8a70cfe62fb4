#include "llama/mask/grammars/tools.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/json_schema.hpp"
#include "llama/mask/expressions/characters.hpp"
#include "llama/mask/grammars/type_grammar.hpp"
#include "llama/mask/grammars/values.hpp"
#include "llama/tools/element_arguments.hpp"

#include <cstdint>
#include <format>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::llama::mask {
namespace {

constexpr std::uint32_t most_calls = 16;
constexpr std::uint32_t most_digits = 3;  ///< Of a call's number.

const TextStyle style = {.json = {.after_item = ", ", .after_key = ": "}};

Expr any_object(Grammar& grammar) {
  Values values(grammar.pool, style.json);
  return values.object({}, values.any(1), 0);
}

Expr arguments_of(Grammar& grammar, const ToolDefinition& tool) {
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

/// Any text without another in it.
Expr text_without(Pool& pool, std::string_view text) {
  const auto any = pool.star(one_of(pool, CharSet::all()));
  const auto inside = pool.determinize(pool.both(any, pool.all_but(pool.seq({any, pool.literal(text), any}))));
  return pool.automaton(pool.add(*inside));
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
  try {
    return TypeGrammar(pool, style, grammar.unenforced).json(type, part);
  } catch (const Error& error) {
    grammar.unenforced.push_back({.part = part, .reason = error.what()});
    return Values(pool, style.json).any(1);
  }
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

Expr call_of(Grammar& grammar, const ToolContract& contract) {
  auto& pool = grammar.pool;
  const auto& format = contract.format;
  std::vector<Expr> calls;
  calls.reserve(contract.tools.size());
  const auto number = pool.repeat(one_of(pool, {{'0', '9'}}), 1, most_digits);
  for (const auto& tool : contract.tools) {
    const auto head = format.head(tool.name);
    calls.push_back(
        pool.seq({pool.literal(head.first), head.has_number ? number : Pool::empty, pool.literal(head.second),
                  format.key_before.empty() ? arguments_of(grammar, tool) : elements_of(grammar, tool, format),
                  pool.literal(format.tail())}));
  }
  return pool.alt(calls);
}

/// Text in which no call begins.
Expr text_before(Pool& pool, const ToolFormat& format) {
  if (format.marker().empty()) {  // a call begins with a brace, and nothing stands before it
    CharSet first = {{'{', '{'}, {' ', ' '}, {'\t', '\t'}, {'\r', '\r'}, {'\n', '\n'}};
    return pool.optional(pool.seq(one_of(pool, first.complement()), pool.star(one_of(pool, CharSet::all()))));
  }
  return text_without(pool, format.marker());
}

}  // namespace

Expr with_tool_calls(Grammar& grammar, bool is_any_text, const ToolContract& contract) {
  auto& pool = grammar.pool;
  const auto call = call_of(grammar, contract);
  const bool several = contract.several && contract.format.several;
  const auto& format = contract.format;
  const auto more =
      several ? pool.repeat(pool.seq(pool.literal(format.between), call), 0, most_calls - 1) : Pool::empty;
  const auto calls = pool.seq({pool.literal(format.opening), call, more, pool.literal(format.closing)});
  if (contract.required) return calls;
  if (!is_any_text) return pool.alt({grammar.start, calls});
  const auto text = text_before(pool, format);
  if (format.marker().empty()) return pool.alt({text, calls});
  return pool.seq(text, pool.optional(calls));
}

}  // namespace dspy::llama::mask
