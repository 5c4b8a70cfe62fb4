#include "providers/anthropic/anthropic.hpp"
#include "providers/json_tools.hpp"
#include "providers/structured.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

namespace dspy::providers::anthropic {
namespace {

using Effort = ReasoningOptions::Effort;

constexpr int default_tokens = 4096;  // what every model there is can write
constexpr int least_budget = 1024;

/// What of a model bears on how it is asked.  Later ones have fewer knobs; an unknown model is taken for one of them.
struct Traits {
  bool takes_sampling = false;  ///< Temperature, `top_p` and `top_k`.
  bool takes_both = false;      ///< Temperature and `top_p` in one request.
  bool takes_budget = false;    ///< Tokens of thoughts.
  bool thinks_by_effort = true;
};

bool is_any_of(std::string_view model, std::initializer_list<std::string_view> starts) noexcept {
  return std::ranges::any_of(starts, [&](std::string_view start) { return model.starts_with(start); });
}

Traits traits_of(std::string_view model) noexcept {
  if (is_any_of(model, {"claude-opus-4-6", "claude-sonnet-4-6"})) return {.takes_sampling = true, .takes_budget = true};
  if (is_any_of(model, {"claude-opus-4-1", "claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"}))
    return {.takes_sampling = true, .takes_budget = true, .thinks_by_effort = false};
  if (is_any_of(model, {"claude-2", "claude-3", "claude-instant", "claude-opus-4-0", "claude-opus-4-2",
                        "claude-sonnet-4-0", "claude-sonnet-4-2"}))
    return {.takes_sampling = true, .takes_both = true, .takes_budget = true, .thinks_by_effort = false};
  return {};
}

int budget_of(Effort effort) noexcept {
  switch (effort) {
    case Effort::off: return 0;
    case Effort::minimal: return least_budget;
    case Effort::low: return 2048;
    case Effort::medium: return 8192;
    case Effort::high: return 16'384;
    case Effort::xhigh:
    case Effort::max: return 32'000;
  }
  std::unreachable();
}

void write_effort(WireRequest& wire, Effort asked) {
  const auto effort = asked == Effort::minimal ? Effort::low : asked;
  if (effort != asked)
    wire.notes.add(Adaptation::Action::substituted, "provider.reasoning.effort", "the least there is",
                   Json(to_string(asked)), Json(to_string(effort)));
  wire.body["thinking"] = JsonObject{{"type", "adaptive"}};
  wire.body["output_config"] = JsonObject{{"effort", to_string(effort)}};
}

/// Returns the tokens that thinking may take: 0 without, 1 where the model decides.
int write_thinking(WireRequest& wire, const ReasoningOptions& asked, const Traits& traits) {
  auto& notes = wire.notes;
  if (!asked.summary.empty())
    notes.dropped("provider.reasoning.summary", "this provider tells its thoughts", Json(asked.summary));
  if (!asked.budget_tokens && !asked.effort) return 0;
  if (asked.effort == Effort::off) {
    // Models without a budget only think if asked to, and do not accept being told not to.
    if (traits.takes_budget) wire.body["thinking"] = JsonObject{{"type", "disabled"}};
    return 0;
  }
  if (!traits.takes_budget && asked.budget_tokens)
    notes.add(Adaptation::Action::substituted, "provider.reasoning.budget_tokens",
              "this model decides how long it thinks", *asked.budget_tokens, "adaptive");
  if (traits.thinks_by_effort && asked.effort && !(traits.takes_budget && asked.budget_tokens)) {
    write_effort(wire, *asked.effort);
    return 1;
  }
  if (!traits.takes_budget) {
    wire.body["thinking"] = JsonObject{{"type", "adaptive"}};
    return 1;
  }
  const int wanted = asked.budget_tokens ? *asked.budget_tokens : budget_of(*asked.effort);
  const int budget = std::max(wanted, least_budget);
  if (budget != wanted)
    notes.add(Adaptation::Action::clamped, "provider.reasoning.budget_tokens", "that is the least", wanted, budget);
  if (!asked.budget_tokens)
    notes.add(Adaptation::Action::substituted, "provider.reasoning.effort", "this model takes a number of tokens",
              Json(to_string(*asked.effort)), budget);
  wire.body["thinking"] = JsonObject{{"type", "enabled"}, {"budget_tokens", budget}};
  return budget;
}

void write_sampler(WireRequest& wire, const Sampling& sampling, const Traits& traits, int thinking) {
  const std::string_view reason = !traits.takes_sampling ? "this model takes only its own"
                                  : thinking != 0        ? "a model that thinks takes only its own"
                                                         : std::string_view();
  auto& notes = wire.notes;
  if (sampling.temperature) {
    const double temperature = std::min(*sampling.temperature, 1.0);
    if (!reason.empty()) {
      notes.dropped("sampling.temperature", reason, *sampling.temperature);
    } else {
      wire.body["temperature"] = temperature;
      if (temperature != *sampling.temperature)
        notes.add(Adaptation::Action::clamped, "sampling.temperature", "it ends at 1", *sampling.temperature,
                  temperature);
    }
  }
  if (sampling.top_p) {
    if (!reason.empty())
      notes.dropped("sampling.top_p", reason, *sampling.top_p);
    else if (sampling.temperature && !traits.takes_both)
      notes.dropped("sampling.top_p", "this model does not take it beside a temperature", *sampling.top_p);
    else
      wire.body["top_p"] = *sampling.top_p;
  }
  if (sampling.top_k && *sampling.top_k > 0) {
    if (!reason.empty())
      notes.dropped("sampling.top_k", reason, *sampling.top_k);
    else
      wire.body["top_k"] = *sampling.top_k;
  }
}

void write_sampling(WireRequest& wire, const Sampling& sampling, int thinking) {
  auto& notes = wire.notes;
  const int least = thinking > 1 ? thinking + 1 : 1;
  const int tokens = std::max(sampling.max_tokens.value_or(default_tokens + (thinking > 1 ? thinking : 0)), least);
  wire.body["max_tokens"] = tokens;
  if (!sampling.max_tokens)
    notes.add(Adaptation::Action::defaulted, "sampling.max_tokens", "this provider wants a number", {}, tokens);
  else if (tokens != *sampling.max_tokens)
    notes.add(Adaptation::Action::clamped, "sampling.max_tokens", "it has to be more than the tokens of thoughts",
              *sampling.max_tokens, tokens);
  const auto drop = [&](std::string_view field, const auto& value) {
    if (value) notes.dropped(field, "this provider has no such option", *value);
  };
  drop("sampling.min_p", sampling.min_p);
  drop("sampling.repeat_penalty", sampling.repeat_penalty);
  drop("sampling.repeat_last_n", sampling.repeat_last_n);
  drop("sampling.frequency_penalty", sampling.frequency_penalty);
  drop("sampling.presence_penalty", sampling.presence_penalty);
  drop("sampling.seed", sampling.seed);
  drop("sampling.logprobs", sampling.logprobs);
  if (!sampling.stop.empty()) wire.body["stop_sequences"] = JsonArray(sampling.stop.begin(), sampling.stop.end());
}

JsonArray tools_of(const Request& request, Notes& notes) {
  const auto& choice = request.tool_choice;
  const bool one = choice.mode == ToolChoice::Mode::required && choice.allowed.size() == 1;
  const bool filters = !choice.allowed.empty() && !one;
  JsonArray out;
  for (const auto& tool : request.tools) {
    if (filters && !std::ranges::contains(choice.allowed, tool.name)) continue;
    JsonObject written{{"name", tool.name}};
    if (!tool.builtin.empty()) {
      written["type"] = tool.builtin;
      merge(written, tool.options);
    } else {
      if (!tool.description.empty()) written["description"] = tool.description;
      auto schema = tool.parameters;
      if (!schema.contains("type")) schema["type"] = "object";
      written["input_schema"] = std::move(schema);
      if (tool.strict) written["strict"] = *tool.strict;
    }
    out.push_back(std::move(written));
  }
  if (out.size() != request.tools.size())
    notes.add(Adaptation::Action::client_side, "tool_choice.allowed", "the other tools are not told of",
              request.tools.size(), out.size());
  return out;
}

JsonObject choice_of(const ToolChoice& choice) {
  using Mode = ToolChoice::Mode;
  JsonObject out;
  if (choice.mode == Mode::none) return {{"type", "none"}};
  if (choice.mode == Mode::required && choice.allowed.size() == 1) {
    out = {{"type", "tool"}, {"name", choice.allowed.front()}};
  } else if (choice.mode == Mode::required) {
    out = {{"type", "any"}};
  } else if (choice.parallel) {
    out = {{"type", "auto"}};
  }
  if (choice.parallel) out["disable_parallel_tool_use"] = !*choice.parallel;
  return out;
}

void write_records(WireRequest& wire, const ProviderOptions& provider) {
  if (!provider.service_tier.empty()) wire.body["service_tier"] = provider.service_tier;
  if (!provider.user_id.empty()) wire.body["metadata"] = JsonObject{{"user_id", provider.user_id}};
  if (provider.store) wire.notes.dropped("provider.store", "this provider has no such option", *provider.store);
  if (!provider.metadata.empty())
    wire.notes.dropped("provider.metadata", "this provider takes only a user's id", provider.metadata);
}

}  // namespace

WireRequest write(const Request& request, const Target& target) {
  const auto& provider = request.provider_options();
  WireRequest wire{.path = "/v1/messages"};
  auto& body = wire.body;
  body["model"] = target.model;
  const auto traits = traits_of(target.model);
  const int thinking = write_thinking(wire, provider.reasoning, traits);
  write_sampling(wire, request.sampling, thinking);
  write_sampler(wire, request.sampling, traits, thinking);
  auto held = held_schema(request.contract, target.dialect, wire.notes);
  if (!held) note_unenforced(request.contract, target.dialect, wire.notes);
  auto chat = write_messages(request.messages, target.dialect, !held, wire.notes);
  auto tools = tools_of(request, wire.notes);
  write_cache_marks(chat, tools, request, wire.notes);
  if (chat.system.size() == 1 && chat.system[0].get_object().size() == 2) {
    body["system"] = Json(text_at(chat.system[0].get_object(), "text"));
  } else if (!chat.system.empty()) {
    body["system"] = std::move(chat.system);
  }
  body["messages"] = std::move(chat.messages);
  if (!tools.empty()) {
    body["tools"] = std::move(tools);
    if (auto choice = choice_of(request.tool_choice); !choice.empty()) body["tool_choice"] = std::move(choice);
  }
  if (held) {
    auto& config = body["output_config"];
    if (!config.is_object()) config = JsonObject();
    config.get_object()["format"] = JsonObject{{"type", "json_schema"}, {"schema", std::move(held->schema)}};
  }
  write_records(wire, provider);
  note_absent(request, target.dialect, wire.notes);
  wire.one_by_one = request.n > 1;
  if (target.stream) body["stream"] = true;
  merge(body, provider.extensions);
  return wire;
}

}  // namespace dspy::providers::anthropic
