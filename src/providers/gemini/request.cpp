#include "providers/gemini/gemini.hpp"
#include "providers/json_tools.hpp"
#include "providers/structured.hpp"

#include <algorithm>
#include <format>
#include <limits>
#include <string_view>
#include <utility>

namespace dspy::providers::gemini {
namespace {

using Effort = ReasoningOptions::Effort;
using Form = OutputContract::Form;

int budget_of(Effort effort) noexcept {
  switch (effort) {
    case Effort::off: return 0;
    case Effort::minimal: return 512;
    case Effort::low: return 1024;
    case Effort::medium: return 8192;
    case Effort::high:
    case Effort::xhigh:
    case Effort::max: return 24'576;
  }
  std::unreachable();
}

std::string_view level_of(Effort effort) noexcept {
  switch (effort) {
    case Effort::off:
    case Effort::minimal: return "MINIMAL";
    case Effort::low: return "LOW";
    case Effort::medium: return "MEDIUM";
    case Effort::high:
    case Effort::xhigh:
    case Effort::max: return "HIGH";
  }
  std::unreachable();
}

/// Gemini 2.5 takes a number of tokens, later ones a level.
bool thinks_by_budget(std::string_view model) noexcept {
  return model.starts_with("gemini-2") || model.starts_with("gemini-1");
}

void write_thinking(JsonObject& config, const ReasoningOptions& asked, std::string_view model, Notes& notes) {
  if (!asked.budget_tokens && !asked.effort && asked.summary.empty()) return;
  JsonObject thinking;
  if (asked.budget_tokens) {
    thinking["thinkingBudget"] = *asked.budget_tokens;
  } else if (asked.effort && thinks_by_budget(model)) {
    thinking["thinkingBudget"] = budget_of(*asked.effort);
    if (*asked.effort != Effort::off)
      notes.add(Adaptation::Action::substituted, "provider.reasoning.effort", "this model takes a number of tokens",
                Json(to_string(*asked.effort)), budget_of(*asked.effort));
  } else if (asked.effort) {
    const auto level = level_of(*asked.effort);
    thinking["thinkingLevel"] = level;
    const bool same = *asked.effort >= Effort::minimal && *asked.effort <= Effort::high;
    if (!same)
      notes.add(Adaptation::Action::substituted, "provider.reasoning.effort", "the nearest level there is",
                Json(to_string(*asked.effort)), Json(level));
  }
  if (asked.effort != Effort::off) thinking["includeThoughts"] = true;
  config["thinkingConfig"] = std::move(thinking);
}

void write_sampling(JsonObject& config, const Request& request, const Dialect& dialect, WireRequest& wire) {
  const auto& sampling = request.sampling;
  auto& notes = wire.notes;
  const auto write = [&](std::string_view name, const auto& value) {
    if (value) config[name] = *value;
  };
  const auto drop = [&](std::string_view field, const auto& value) {
    if (value) notes.dropped(field, "this provider has no such option", *value);
  };
  write("maxOutputTokens", sampling.max_tokens);
  write("temperature", sampling.temperature);
  write("topP", sampling.top_p);
  if (sampling.top_k && *sampling.top_k > 0) config["topK"] = *sampling.top_k;
  write("frequencyPenalty", sampling.frequency_penalty);
  write("presencePenalty", sampling.presence_penalty);
  drop("sampling.min_p", sampling.min_p);
  drop("sampling.repeat_penalty", sampling.repeat_penalty);
  drop("sampling.repeat_last_n", sampling.repeat_last_n);
  if (sampling.seed) {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max());
    const auto seed = *sampling.seed & most;
    config["seed"] = seed;
    if (seed != *sampling.seed)
      notes.add(Adaptation::Action::substituted, "sampling.seed", "seeds have 31 bits there", *sampling.seed, seed);
  }
  if (sampling.logprobs) {
    const int top = std::min(*sampling.logprobs, dialect.most_logprobs);
    config["responseLogprobs"] = true;
    if (top != 0) config["logprobs"] = top;
    if (top != *sampling.logprobs)
      notes.add(Adaptation::Action::clamped, "sampling.logprobs", "so many are told", *sampling.logprobs, top);
  }
  if (sampling.stop.size() > static_cast<std::size_t>(dialect.most_stops)) {
    wire.stops = sampling.stop;
    notes.add(Adaptation::Action::client_side, "sampling.stop", "there are too many for the provider",
              sampling.stop.size(), dialect.most_stops);
  } else if (!sampling.stop.empty()) {
    config["stopSequences"] = JsonArray(sampling.stop.begin(), sampling.stop.end());
  }
  if (request.n > 1) config["candidateCount"] = request.n;
}

void write_contract(JsonObject& config, const Request& request, const Dialect& dialect, Notes& notes) {
  const auto& contract = request.contract;
  if (contract.form == Form::text) return;
  if (contract.form == Form::choices) {
    config["responseMimeType"] = "text/x.enum";
    config["responseSchema"] =
        JsonObject{{"type", "STRING"}, {"enum", JsonArray(contract.choices.begin(), contract.choices.end())}};
    return;
  }
  if (auto held = held_schema(contract, dialect, notes)) {
    config["responseMimeType"] = "application/json";
    config["responseJsonSchema"] = std::move(held->schema);
    return;
  }
  if (contract.form == Form::json || contract.form == Form::schema) config["responseMimeType"] = "application/json";
  note_unenforced(contract, dialect, notes);
}

void write_tools(JsonObject& body, const Request& request, Notes& notes) {
  if (request.tools.empty()) return;
  using Mode = ToolChoice::Mode;
  const auto& choice = request.tool_choice;
  // Names are honoured only if a call is required; otherwise the other tools are omitted.
  const bool filters = !choice.allowed.empty() && choice.mode != Mode::required;
  JsonArray functions;
  JsonArray tools;
  for (const auto& tool : request.tools) {
    if (!tool.builtin.empty()) {
      tools.push_back(JsonObject{{tool.builtin, tool.options}});
      continue;
    }
    if (filters && !std::ranges::contains(choice.allowed, tool.name)) {
      notes.add(Adaptation::Action::client_side, "tool_choice.allowed", "the tool is not told of", Json(tool.name), {});
      continue;
    }
    JsonObject written{{"name", tool.name}};
    if (!tool.description.empty()) written["description"] = tool.description;
    if (!tool.parameters.empty()) written["parametersJsonSchema"] = tool.parameters;
    if (tool.strict)
      notes.dropped(std::format("tools.{}.strict", tool.name), "this provider has no such option", *tool.strict);
    functions.push_back(std::move(written));
  }
  if (!functions.empty()) tools.push_back(JsonObject{{"functionDeclarations", std::move(functions)}});
  body["tools"] = std::move(tools);
  if (choice.parallel) notes.dropped("tool_choice.parallel", "this provider has no such option", *choice.parallel);
  if (choice.mode == Mode::automatic) return;
  JsonObject calling{{"mode", choice.mode == Mode::none ? "NONE" : "ANY"}};
  if (choice.mode == Mode::required && !choice.allowed.empty())
    calling["allowedFunctionNames"] = JsonArray(choice.allowed.begin(), choice.allowed.end());
  body["toolConfig"] = JsonObject{{"functionCallingConfig", std::move(calling)}};
}

void write_records(JsonObject& body, const ProviderOptions& provider, Notes& notes) {
  const auto drop = [&](std::string_view field, bool is_set) {
    if (is_set) notes.dropped(field, "this provider has no such option");
  };
  if (!provider.service_tier.empty()) body["serviceTier"] = provider.service_tier;
  if (!provider.prompt_cache.resource.empty()) body["cachedContent"] = provider.prompt_cache.resource;
  drop("provider.user_id", !provider.user_id.empty());
  drop("provider.store", provider.store.has_value());
  drop("provider.metadata", !provider.metadata.empty());
  auto rest = provider.prompt_cache;
  rest.resource.clear();
  if (rest.enabled.value_or(true)) rest.enabled.reset();
  drop("provider.prompt_cache", rest != PromptCacheOptions());
}

}  // namespace

WireRequest write(const Request& request, const Target& target) {
  WireRequest wire;
  const std::string_view prefix = target.model.contains('/') ? "" : "models/";
  wire.path = std::format("/v1beta/{}{}:{}", prefix, target.model,
                          target.stream ? "streamGenerateContent?alt=sse" : "generateContent");
  auto chat = write_contents(request.messages, target.dialect, wire.notes);
  wire.body["contents"] = std::move(chat.contents);
  if (!chat.system.empty()) wire.body["systemInstruction"] = JsonObject{{"parts", std::move(chat.system)}};
  JsonObject config;
  write_sampling(config, request, target.dialect, wire);
  write_thinking(config, request.provider_options().reasoning, target.model, wire.notes);
  write_contract(config, request, target.dialect, wire.notes);
  if (!config.empty()) wire.body["generationConfig"] = std::move(config);
  write_tools(wire.body, request, wire.notes);
  write_records(wire.body, request.provider_options(), wire.notes);
  note_absent(request, target.dialect, wire.notes);
  merge(wire.body, request.provider_options().extensions);
  return wire;
}

}  // namespace dspy::providers::gemini
