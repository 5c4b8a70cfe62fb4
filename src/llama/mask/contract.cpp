#include "llama/mask/contract.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/reply_notation.hpp"
#include "dspy/signature/json_schema.hpp"
#include "llama/mask/expressions/characters.hpp"
#include "llama/mask/grammars/gbnf.hpp"
#include "llama/mask/grammars/regex.hpp"
#include "llama/mask/grammars/tools.hpp"
#include "llama/mask/grammars/type_grammar.hpp"

#include <format>
#include <utility>

namespace dspy::llama::mask {
namespace {

using Form = OutputContract::Form;

/// More letters than this no automaton of free text is built for.
constexpr std::size_t most_name_bytes = 20'000;

FreeText place_of(const Signature& signature, FreeText::Among among) {
  FreeText out{.among = among};
  std::size_t size = 0;
  for (const auto* fields : {&signature.inputs, &signature.outputs}) {
    for (const auto& field : *fields) {
      out.names.push_back(field.name);
      out.names.push_back(field.label);
      size += field.name.size() + field.label.size();
    }
  }
  if (size > most_name_bytes)
    throw Error(Errc::invalid_parameter,
                std::format("no mask can hold a signature whose names and labels have {} bytes; {} are possible", size,
                            most_name_bytes));
  return out;
}

/// `Label: value` lines.  After text, an empty line may come before the next label, as many models write.
Expr labelled(TypeGrammar& types, Pool& pool, const Signature& signature) {
  const auto& notation = ReplyNotation::of(Form::fields);
  const std::string between(notation.between);
  Expr out = Pool::empty;
  for (auto at = signature.outputs.size(); at-- > 0;) {
    const auto& field = signature.outputs[at];
    const auto kind = field.type.required().kind;
    const bool is_text = kind == Type::Kind::string || kind == Type::Kind::code || kind == Type::Kind::reasoning;
    const bool last = at + 1 == signature.outputs.size();
    const auto end = last      ? Pool::empty
                     : is_text ? one_of_texts(pool, {between, between + between})
                               : pool.literal(between);
    out = pool.seq(
        {pool.literal(notation.opening(field).append(notation.before_value)), types.text_or_free(field), end, out});
  }
  return out;
}

/// `[[ ## name ## ]]` sections.
Expr marked(TypeGrammar& types, Pool& pool, const Signature& signature) {
  const auto& notation = ReplyNotation::of(Form::markers);
  auto out = pool.literal(notation.end);
  for (auto at = signature.outputs.size(); at-- > 0;) {
    const auto& field = signature.outputs[at];
    out = pool.seq({pool.literal(notation.opening(field).append(notation.before_value)), types.text_or_free(field),
                    pool.literal(notation.between), out});
  }
  return out;
}

/// `<name>` elements.
Expr tagged(TypeGrammar& types, Pool& pool, const Signature& signature, bool is_literal) {
  const auto& notation = ReplyNotation::of(Form::xml);
  Expr out = Pool::empty;
  for (auto at = signature.outputs.size(); at-- > 0;) {
    const auto& field = signature.outputs[at];
    const auto after = at + 1 == signature.outputs.size() ? std::string_view() : notation.between;
    if (is_literal) {
      out = pool.seq({types.element_or_free(field), pool.literal(after), out});
      continue;
    }
    const bool nested = types.has_elements(field.type);
    const auto line = [&](std::string_view end) { return nested ? std::string_view() : end; };
    out = pool.seq(
        {pool.literal(notation.opening(field).append(line(notation.before_value))),
         nested ? types.elements_or_free(field) : types.text_or_free(field),
         pool.literal(std::string(line(notation.after_value)).append(notation.closing(field.name)).append(after)),
         out});
  }
  return out;
}

Expr json_object(TypeGrammar& types, Pool& pool, const Signature& signature, const JsonStyle& style) {
  std::vector<Values::Member> members;
  for (const auto& field : signature.outputs)
    members.push_back({.name = field.name, .value = types.json_or_free(field, 1)});
  return Values(pool, style).object(members, std::nullopt, 0);
}

Expr any_reply(Pool& pool) {
  return pool.star(one_of(pool, CharSet::all()));
}

/// `<think>…</think>`, and what may stand between that and the reply.
Expr thoughts(Pool& pool) {
  const auto any = any_reply(pool);
  const auto closing = pool.literal("</think>");
  const auto inside = pool.determinize(pool.both(any, pool.all_but(pool.seq({any, closing, any}))));
  const auto gap = pool.repeat(one_of(pool, {{' ', ' '}, {'\n', '\n'}}), 0, 4);
  return pool.seq({pool.literal("<think>"), pool.automaton(pool.add(*inside)), closing, gap});
}

Grammar compile_signature(const OutputContract& contract) {
  Grammar out;
  auto& pool = out.pool;
  const auto& signature = *contract.signature;
  TextStyle style;
  switch (contract.form) {
    default: break;
    case Form::fields: {
      style.place = place_of(signature, FreeText::Among::labels);
      TypeGrammar types(pool, style, out.unenforced);
      out.start = labelled(types, pool, signature);
      break;
    }
    case Form::markers: {
      style = {.place = place_of(signature, FreeText::Among::markers),
               .null = "None",
               .yes = "True",
               .no = "False",
               .json = {.after_item = ", ", .after_key = ": "}};
      style.place.names.emplace_back(completed_name);
      TypeGrammar types(pool, style, out.unenforced);
      out.start = marked(types, pool, signature);
      break;
    }
    case Form::xml: {
      style = {.place = place_of(signature, FreeText::Among::tags),
               .null = "None",
               .yes = "True",
               .no = "False",
               .json = {.after_item = ", ",
                        .after_key = ": ",
                        .inside = contract.literal_text ? Inside::literal_xml : Inside::xml}};
      TypeGrammar types(pool, style, out.unenforced);
      out.start = tagged(types, pool, signature, contract.literal_text);
      break;
    }
    case Form::json: {
      style.json = {.after_key = ": ", .indent = 2};
      TypeGrammar types(pool, style, out.unenforced);
      out.start = json_object(types, pool, signature, style.json);
      break;
    }
  }
  return out;
}

Json read_schema(std::string_view text) {
  auto schema = parse_json(text);
  if (!schema)
    throw Error(
        Errc::invalid_parameter,
        std::format("the JSON Schema is not JSON: {} (byte {})", schema.error().message, schema.error().position),
        {.position = schema.error().position});
  return *std::move(schema);
}

Grammar compile_form(const OutputContract& contract) {
  switch (contract.form) {
    case Form::text: break;
    case Form::fields:
    case Form::markers:
    case Form::json:
    case Form::xml:
      if (contract.signature != nullptr) return compile_signature(contract);
      break;
    case Form::choices: return compile_choices(contract.choices);
    case Form::regex: return compile_regex(contract.grammar);
    case Form::schema: return compile_schema(read_schema(contract.grammar));
    case Form::gbnf: return compile_gbnf(contract.grammar);
  }
  Grammar out;
  out.start = any_reply(out.pool);
  return out;
}

}  // namespace

std::vector<std::string> descriptions(const std::vector<Unenforced>& unenforced) {
  std::vector<std::string> out;
  for (const auto& [part, reason] : unenforced) out.push_back(std::format("{}: {}", part, reason));
  return out;
}

Grammar compile(const OutputContract& contract, const ToolContract* tools) {
  auto out = compile_form(contract);
  if (tools != nullptr) out.start = with_tool_calls(out, contract.form == Form::text, *tools);
  if (contract.may_think) out.start = out.pool.alt({out.start, out.pool.seq({thoughts(out.pool), out.start})});
  return out;
}

Grammar compile_schema(const Json& schema) {
  const auto imported = from_json_schema(schema);
  Grammar out;
  for (const auto& gap : imported.gaps)
    out.unenforced.push_back({.part = std::format("the schema at `{}`", gap.path), .reason = gap.message});
  const TextStyle style;
  out.start = TypeGrammar(out.pool, style, out.unenforced).json(imported.type, "the schema");
  return out;
}

Grammar compile_choices(std::span<const std::string> choices) {
  if (choices.empty()) throw Error(Errc::invalid_parameter, "there are no choices; give at least one");
  Grammar out;
  out.start = one_of_texts(out.pool, {choices.begin(), choices.end()});
  return out;
}

Grammar compile_regex(std::string_view pattern) {
  Grammar out;
  const auto parsed = parse_regex(out.pool, pattern, Match::whole);
  if (!parsed)
    throw Error(Errc::invalid_parameter,
                std::format("the regular expression `{}` cannot be held by a mask: {} (byte {})", pattern,
                            parsed.error().message, parsed.error().position),
                {.position = parsed.error().position});
  out.start = *parsed;
  return out;
}

Grammar compile_gbnf(std::string_view grammar) {
  Grammar out;
  const auto parsed = parse_gbnf(out.pool, grammar);
  if (!parsed)
    throw Error(
        Errc::invalid_parameter,
        std::format("the grammar cannot be used: {} (byte {})", parsed.error().message, parsed.error().position),
        {.position = parsed.error().position});
  out.start = *parsed;
  return out;
}

}  // namespace dspy::llama::mask
