#include "providers/structured.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/json_schema.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::providers {
namespace {

using Form = OutputContract::Form;

std::optional<HeldSchema> schema_of_signature(const OutputContract& contract, const Dialect& dialect, Notes& notes) {
  auto exported = to_json_schema(*contract.signature, dialect.schema);
  const bool accepted = exported.is_accepted();
  for (const auto& gap : exported.gaps) {
    if (!accepted && !gap.refused) continue;
    notes.unenforced.push_back(
        std::format("{} ({}): {}", gap.path.empty() ? "the whole reply" : gap.path, gap.keyword, gap.message));
  }
  if (!accepted) return std::nullopt;
  return HeldSchema{.name = contract.name.empty() ? "reply" : contract.name,
                    .schema = std::move(exported.schema),
                    .strict = contract.strict.value_or(true)};
}

HeldSchema schema_of_text(const OutputContract& contract) {
  auto schema = parse_json(contract.grammar);
  if (!schema || !schema->is_object())
    throw Error(Errc::invalid_parameter, "the contract's JSON Schema is not a JSON object; check its text");
  return {.name = contract.name.empty() ? "reply" : contract.name,
          .schema = std::move(schema->get_object()),
          .strict = contract.strict};
}

std::string grammar_literal(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default: out += c;
    }
  }
  return out += '"';
}

}  // namespace

std::optional<HeldSchema> held_schema(const OutputContract& contract, const Dialect& dialect, Notes& notes) {
  if (dialect.structured != Dialect::Structured::json_schema) return std::nullopt;
  if (contract.form == Form::schema) return schema_of_text(contract);
  if (contract.form != Form::json || !contract.signature) return std::nullopt;
  return schema_of_signature(contract, dialect, notes);
}

void note_unenforced(const OutputContract& contract, const Dialect& dialect, Notes& notes) {
  if (contract.form == Form::text || !notes.unenforced.empty()) return;
  notes.unenforced.push_back(std::format("the whole reply: {} cannot be held to a contract of the form `{}`",
                                         dialect.title, to_string(contract.form)));
}

std::string choices_grammar(const OutputContract& contract) {
  std::string out = "root ::= ";
  for (std::size_t i = 0; i < contract.choices.size(); ++i)
    out.append(i == 0 ? "" : " | ").append(grammar_literal(contract.choices[i]));
  return out;
}

bool speaks_of_json(const Chat& messages) {
  return std::ranges::any_of(messages,
                             [](const Message& message) { return text::to_lower(message.text()).contains("json"); });
}

void note_absent(const Request& request, const Dialect& dialect, Notes& notes) {
  const auto& provider = request.provider_options();
  if (!request.prefill.is_empty()) notes.dropped("prefill", "the model cannot continue a given reply");
  if (!request.sampling.field_temperatures.empty())
    notes.dropped("sampling.field_temperatures", "only a model in this process knows which output it writes");
  if (provider.probabilities == "required")
    throw Error(Errc::unsupported,
                std::format("{} does not measure probabilities of an answer's alternatives; ask for them with "
                            "`if_available`, or a model in this process",
                            dialect.title),
                {.provider = std::string(dialect.name), .feature = "provider.probabilities"});
  if (!provider.probabilities.empty() && provider.probabilities != "off")
    notes.dropped("provider.probabilities", "this provider has no such option");
}

}  // namespace dspy::providers
