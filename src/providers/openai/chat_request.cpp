#include "providers/json_tools.hpp"
#include "providers/openai/chat.hpp"
#include "providers/openai/openai.hpp"
#include "providers/structured.hpp"

#include <algorithm>
#include <format>
#include <limits>
#include <utility>

namespace dspy::providers::openai {
namespace {

using Form = OutputContract::Form;

/// A number, or a note if there is no such field.
template <class T>
void write_number(JsonObject& body, std::string_view name, std::string_view field, const std::optional<T>& value,
                  Notes& notes) {
  if (!value) return;
  if (name.empty())
    notes.dropped(field, "this provider has no such option", *value);
  else
    body[name] = *value;
}

void write_sampling(WireRequest& wire, const Request& request, const Target& target, const ModelTraits& traits) {
  const auto& sampling = request.sampling;
  const auto& dialect = target.dialect;
  auto& body = wire.body;
  write_number(body, dialect.max_tokens, "sampling.max_tokens", sampling.max_tokens, wire.notes);
  write_number(body, dialect.top_k, "sampling.top_k", sampling.top_k, wire.notes);
  write_number(body, dialect.min_p, "sampling.min_p", sampling.min_p, wire.notes);
  write_number(body, dialect.repeat_penalty, "sampling.repeat_penalty", sampling.repeat_penalty, wire.notes);
  write_number(body, dialect.repeat_last_n, "sampling.repeat_last_n", sampling.repeat_last_n, wire.notes);
  const auto penalties = dialect.penalties && !traits.reasons;
  write_number(body, penalties ? "frequency_penalty" : "", "sampling.frequency_penalty", sampling.frequency_penalty,
               wire.notes);
  write_number(body, penalties ? "presence_penalty" : "", "sampling.presence_penalty", sampling.presence_penalty,
               wire.notes);
  if (sampling.seed) {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    const auto seed = *sampling.seed & most;
    write_number(body, dialect.seed, "sampling.seed", std::optional(seed), wire.notes);
    if (seed != *sampling.seed && !dialect.seed.empty())
      wire.notes.add(Adaptation::Action::substituted, "sampling.seed", "seeds have 63 bits there", *sampling.seed,
                     seed);
  }
  if (sampling.logprobs) {
    const int most = traits.reasons ? -1 : dialect.most_logprobs;
    if (most < 0) {
      wire.notes.dropped("sampling.logprobs", "this model tells no log-probabilities", *sampling.logprobs);
    } else {
      const int top = std::min(*sampling.logprobs, most);
      body["logprobs"] = true;
      if (top != 0) body["top_logprobs"] = top;
      if (top != *sampling.logprobs)
        wire.notes.add(Adaptation::Action::clamped, "sampling.logprobs", "so many are told", *sampling.logprobs, top);
    }
  }
}

void write_stops(WireRequest& wire, const std::vector<std::string>& stops, int most) {
  if (stops.empty()) return;
  if (stops.size() <= static_cast<std::size_t>(most)) {
    wire.body["stop"] = JsonArray(stops.begin(), stops.end());
    return;
  }
  wire.stops = stops;
  wire.notes.add(Adaptation::Action::client_side, "sampling.stop",
                 std::format("the model takes {} stop texts, so the reply is cut here", most), stops.size(), most);
}

JsonObject tool_of(const ToolDefinition& tool, const Dialect& dialect, Notes& notes) {
  if (!tool.builtin.empty()) {
    JsonObject out{{"type", tool.builtin}};
    merge(out, tool.options);
    return out;
  }
  JsonObject function{{"name", tool.name}};
  if (!tool.description.empty()) function["description"] = tool.description;
  if (!tool.parameters.empty()) function["parameters"] = tool.parameters;
  if (tool.strict) {
    if (dialect.strict_tools)
      function["strict"] = *tool.strict;
    else
      notes.dropped(std::format("tools.{}.strict", tool.name), "this provider has no such option", *tool.strict);
  }
  return {{"type", "function"}, {"function", std::move(function)}};
}

JsonObject named(std::string_view name) {
  return {{"type", "function"}, {"function", JsonObject{{"name", name}}}};
}

void write_tools(WireRequest& wire, const Request& request, const Dialect& dialect) {
  if (request.tools.empty()) return;
  const auto& choice = request.tool_choice;
  const bool filters = !choice.allowed.empty() && !dialect.allowed_tools;
  JsonArray tools;
  for (const auto& tool : request.tools) {
    if (filters && !std::ranges::contains(choice.allowed, tool.builtin.empty() ? tool.name : tool.builtin)) continue;
    tools.push_back(tool_of(tool, dialect, wire.notes));
  }
  if (filters && tools.size() != request.tools.size())
    wire.notes.add(Adaptation::Action::client_side, "tool_choice.allowed", "the other tools are not told of",
                   request.tools.size(), tools.size());
  wire.body["tools"] = std::move(tools);
  using Mode = ToolChoice::Mode;
  const bool required = choice.mode == Mode::required;
  if (choice.mode == Mode::none) {
    wire.body["tool_choice"] = "none";
  } else if (required && choice.allowed.size() == 1) {
    wire.body["tool_choice"] = named(choice.allowed.front());
  } else if (!choice.allowed.empty() && dialect.allowed_tools) {
    JsonArray allowed;
    for (const auto& name : choice.allowed) allowed.push_back(named(name));
    wire.body["tool_choice"] = JsonObject{
        {"type", "allowed_tools"},
        {"allowed_tools", JsonObject{{"mode", required ? "required" : "auto"}, {"tools", std::move(allowed)}}}};
  } else if (required) {
    wire.body["tool_choice"] = dialect.required_tool;
  }
  if (!choice.parallel) return;
  if (dialect.parallel_tools)
    wire.body["parallel_tool_calls"] = *choice.parallel;
  else
    wire.notes.dropped("tool_choice.parallel", "this provider has no such option", *choice.parallel);
}

/// Forms that are not JSON, for servers that take grammars; false if this one is not held.
bool write_grammar(JsonObject& body, const OutputContract& contract, const Dialect& dialect) {
  using Grammars = Dialect::Grammars;
  const bool is_choice = contract.form == Form::choices;
  const bool is_grammar = contract.form == Form::gbnf;
  const bool is_regex = contract.form == Form::regex;
  if (!is_choice && !is_grammar && !is_regex) return false;
  switch (dialect.grammars) {
    case Grammars::none: return false;
    case Grammars::vllm: {
      JsonObject held;
      if (is_choice)
        held["choice"] = JsonArray(contract.choices.begin(), contract.choices.end());
      else
        held[is_regex ? "regex" : "grammar"] = contract.grammar;
      body["structured_outputs"] = std::move(held);
      return true;
    }
    case Grammars::sglang:
      if (is_regex)
        body["regex"] = contract.grammar;
      else
        body["ebnf"] = is_choice ? choices_grammar(contract) : contract.grammar;
      return true;
    case Grammars::llama_server:
      if (is_regex) return false;
      body["grammar"] = is_choice ? choices_grammar(contract) : contract.grammar;
      return true;
  }
  std::unreachable();
}

void write_contract(WireRequest& wire, const Request& request, const Dialect& dialect) {
  const auto& contract = request.contract;
  if (contract.form == Form::text || write_grammar(wire.body, contract, dialect)) return;
  if (auto held = held_schema(contract, dialect, wire.notes)) {
    JsonObject format{{"name", held->name}, {"schema", std::move(held->schema)}};
    if (held->strict) format["strict"] = *held->strict;
    wire.body["response_format"] = JsonObject{{"type", "json_schema"}, {"json_schema", std::move(format)}};
    return;
  }
  const bool is_json = contract.form == Form::json || contract.form == Form::schema;
  if (is_json && dialect.structured != Dialect::Structured::none && speaks_of_json(request.messages)) {
    wire.body["response_format"] = JsonObject{{"type", "json_object"}};
    if (wire.notes.unenforced.empty())
      wire.notes.unenforced.push_back(
          std::format("the whole reply: {} holds it to JSON, not to a schema", dialect.title));
    return;
  }
  note_unenforced(contract, dialect, wire.notes);
}

void write_reasoning(WireRequest& wire, const Request& request, const Target& target) {
  const auto& asked = request.provider_options().reasoning;
  const auto effort = effort_of(asked, target.dialect, target.model, wire.notes);
  const bool detailed = target.dialect.reasoning == Dialect::Reasoning::detailed;
  if (detailed) {
    JsonObject reasoning;
    if (!effort.empty()) reasoning["effort"] = effort;
    if (asked.budget_tokens) reasoning["max_tokens"] = *asked.budget_tokens;
    if (!reasoning.empty()) wire.body["reasoning"] = std::move(reasoning);
  } else {
    if (!effort.empty()) wire.body["reasoning_effort"] = effort;
    if (asked.budget_tokens)
      wire.notes.dropped("provider.reasoning.budget_tokens", "this provider takes only an effort",
                         *asked.budget_tokens);
  }
  if (!asked.summary.empty())
    wire.notes.dropped("provider.reasoning.summary", "this provider tells what it tells", Json(asked.summary));
}

}  // namespace

WireRequest write_chat(const Request& request, const Target& target) {
  const auto& dialect = target.dialect;
  const auto traits = traits_of(dialect, target.model, request.provider_options().reasoning);
  WireRequest wire{.path = "/chat/completions"};
  wire.body["model"] = target.model;
  wire.body["messages"] = messages_of(request.messages, dialect, wire.notes);
  write_sampling(wire, request, target, traits);
  write_stops(wire, request.sampling.stop, traits.reasons ? 0 : dialect.most_stops);
  write_common(wire.body, request, target, traits, wire.notes);
  write_reasoning(wire, request, target);
  write_tools(wire, request, dialect);
  write_contract(wire, request, dialect);
  note_absent(request, dialect, wire.notes);
  wire.one_by_one = request.n > 1 && !dialect.several;
  if (request.n > 1 && dialect.several) wire.body["n"] = request.n;
  if (target.stream) {
    wire.body["stream"] = true;
    if (dialect.stream_usage) wire.body["stream_options"] = JsonObject{{"include_usage", true}};
  }
  merge(wire.body, request.provider_options().extensions);
  return wire;
}

}  // namespace dspy::providers::openai
