#include "providers/json_tools.hpp"
#include "providers/openai/chat.hpp"
#include "providers/openai/openai.hpp"
#include "providers/structured.hpp"

#include <algorithm>
#include <utility>

namespace dspy::providers::openai {
namespace {

constexpr int least_tokens = 16;

template <class T>
void drop(Notes& notes, std::string_view field, const std::optional<T>& value) {
  if (value) notes.dropped(field, "Responses have no such option", *value);
}

void write_sampling(WireRequest& wire, const Sampling& sampling, const ModelTraits& traits, JsonArray& include) {
  auto& notes = wire.notes;
  if (sampling.max_tokens) {
    const int tokens = std::max(*sampling.max_tokens, least_tokens);
    wire.body["max_output_tokens"] = tokens;
    if (tokens != *sampling.max_tokens)
      notes.add(Adaptation::Action::clamped, "sampling.max_tokens", "that is the least", *sampling.max_tokens, tokens);
  }
  drop(notes, "sampling.top_k", sampling.top_k);
  drop(notes, "sampling.min_p", sampling.min_p);
  drop(notes, "sampling.repeat_penalty", sampling.repeat_penalty);
  drop(notes, "sampling.repeat_last_n", sampling.repeat_last_n);
  drop(notes, "sampling.frequency_penalty", sampling.frequency_penalty);
  drop(notes, "sampling.presence_penalty", sampling.presence_penalty);
  drop(notes, "sampling.seed", sampling.seed);
  if (!sampling.stop.empty()) {
    wire.stops = sampling.stop;
    notes.add(Adaptation::Action::client_side, "sampling.stop",
              "Responses take no stop texts, so the reply is cut here", sampling.stop.size(), 0);
  }
  if (!sampling.logprobs) return;
  if (traits.reasons) {
    notes.dropped("sampling.logprobs", "this model tells no log-probabilities", *sampling.logprobs);
    return;
  }
  const int top = std::min(*sampling.logprobs, 20);
  if (top != 0) wire.body["top_logprobs"] = top;
  if (top != *sampling.logprobs)
    notes.add(Adaptation::Action::clamped, "sampling.logprobs", "so many are told", *sampling.logprobs, top);
  include.push_back("message.output_text.logprobs");
}

JsonObject named(std::string_view name) {
  return {{"type", "function"}, {"name", name}};
}

void write_tools(WireRequest& wire, const Request& request) {
  if (request.tools.empty()) return;
  JsonArray tools;
  for (const auto& tool : request.tools) {
    JsonObject out{{"type", tool.builtin.empty() ? "function" : tool.builtin}};
    if (tool.builtin.empty()) {
      out["name"] = tool.name;
      if (!tool.description.empty()) out["description"] = tool.description;
      out["parameters"] = tool.parameters;
      if (tool.strict) out["strict"] = *tool.strict;
    } else {
      merge(out, tool.options);
    }
    tools.push_back(std::move(out));
  }
  wire.body["tools"] = std::move(tools);
  const auto& choice = request.tool_choice;
  using Mode = ToolChoice::Mode;
  const bool required = choice.mode == Mode::required;
  if (choice.mode == Mode::none) {
    wire.body["tool_choice"] = "none";
  } else if (required && choice.allowed.size() == 1) {
    wire.body["tool_choice"] = named(choice.allowed.front());
  } else if (!choice.allowed.empty()) {
    JsonArray allowed;
    for (const auto& name : choice.allowed) allowed.push_back(named(name));
    wire.body["tool_choice"] =
        JsonObject{{"type", "allowed_tools"}, {"mode", required ? "required" : "auto"}, {"tools", std::move(allowed)}};
  } else if (required) {
    wire.body["tool_choice"] = "required";
  }
  if (choice.parallel) wire.body["parallel_tool_calls"] = *choice.parallel;
}

void write_contract(WireRequest& wire, const Request& request, const Dialect& dialect) {
  const auto& contract = request.contract;
  if (contract.form == OutputContract::Form::text) return;
  if (auto held = held_schema(contract, dialect, wire.notes)) {
    JsonObject format{{"type", "json_schema"}, {"name", held->name}, {"schema", std::move(held->schema)}};
    if (held->strict) format["strict"] = *held->strict;
    wire.body["text"] = JsonObject{{"format", std::move(format)}};
    return;
  }
  const bool is_json = contract.form == OutputContract::Form::json || contract.form == OutputContract::Form::schema;
  if (is_json && speaks_of_json(request.messages))
    wire.body["text"] = JsonObject{{"format", JsonObject{{"type", "json_object"}}}};
  note_unenforced(contract, dialect, wire.notes);
}

/// Models that reason tell and take back their thoughts in a form that only the provider can read.
bool tells_state(std::string_view model) noexcept {
  const bool is_o = model.size() >= 2 && model[0] == 'o' && model[1] >= '1' && model[1] <= '9';
  return is_o || (model.starts_with("gpt-5") && !model.contains("-chat"));
}

}  // namespace

WireRequest write_responses(const Request& request, const Target& target) {
  const auto& provider = request.provider_options();
  const auto traits = traits_of(target.dialect, target.model, provider.reasoning);
  WireRequest wire{.path = "/responses"};
  JsonArray include;
  wire.body["model"] = target.model;
  wire.body["input"] = items_of(request.messages, target.dialect, wire.notes);
  write_sampling(wire, request.sampling, traits, include);
  write_common(wire.body, request, target, traits, wire.notes);
  JsonObject reasoning;
  if (const auto effort = effort_of(provider.reasoning, target.dialect, target.model, wire.notes); !effort.empty())
    reasoning["effort"] = effort;
  if (!provider.reasoning.summary.empty()) reasoning["summary"] = provider.reasoning.summary;
  if (provider.reasoning.budget_tokens)
    wire.notes.dropped("provider.reasoning.budget_tokens", "this provider takes only an effort",
                       *provider.reasoning.budget_tokens);
  if (!reasoning.empty()) wire.body["reasoning"] = std::move(reasoning);
  write_tools(wire, request);
  write_contract(wire, request, target.dialect);
  note_absent(request, target.dialect, wire.notes);
  if (tells_state(target.model) && !provider.store.value_or(false)) {
    include.push_back("reasoning.encrypted_content");
    wire.body["store"] = false;
    if (!provider.store)
      wire.notes.add(Adaptation::Action::defaulted, "provider.store",
                     "each request brings the whole conversation, with the thoughts in it", {}, false);
  }
  if (!include.empty()) wire.body["include"] = std::move(include);
  if (target.stream) wire.body["stream"] = true;
  wire.one_by_one = request.n > 1;
  merge(wire.body, provider.extensions);
  return wire;
}

}  // namespace dspy::providers::openai
