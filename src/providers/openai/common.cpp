#include "providers/json_tools.hpp"
#include "providers/openai/openai.hpp"

#include <format>
#include <utility>

namespace dspy::providers::openai {
namespace {

using Effort = ReasoningOptions::Effort;

/// `gpt-5`, `gpt-5-mini`, `gpt-5-2025-08-07`, but not `gpt-5.4`.
bool is_first_gpt5(std::string_view model) noexcept {
  return model.starts_with("gpt-5") && !model.starts_with("gpt-5.");
}

bool is_o_series(std::string_view model) noexcept {
  return model.size() >= 2 && model[0] == 'o' && model[1] >= '1' && model[1] <= '9';
}

std::string text_of_token(const JsonObject& token) {
  const auto* const bytes = array_at(token, "bytes");
  if (bytes == nullptr) return std::string(text_at(token, "token"));
  std::string out;
  for (const auto& byte : *bytes) {
    if (!byte.is_int64() || byte.get_int64() < 0 || byte.get_int64() > 255) return std::string(text_at(token, "token"));
    out += static_cast<char>(byte.get_int64());
  }
  return out;
}

}  // namespace

ModelTraits traits_of(const Dialect& dialect, std::string_view model, const ReasoningOptions& reasoning) {
  if (dialect.name != "openai" && dialect.name != "azure") return {};
  const bool chats = model.contains("-chat");
  if (is_o_series(model) || (is_first_gpt5(model) && !chats)) return {.reasons = true, .takes_no_effort = false};
  const bool thinks = reasoning.effort && *reasoning.effort != Effort::off;
  return {.reasons = model.starts_with("gpt-5") && !chats && thinks};
}

std::string effort_of(const ReasoningOptions& reasoning, const Dialect& dialect, std::string_view model, Notes& notes) {
  if (!reasoning.effort) return {};
  const auto asked = to_string(*reasoning.effort);
  if (dialect.reasoning == Dialect::Reasoning::none) {
    if (*reasoning.effort != Effort::off)
      notes.dropped("provider.reasoning.effort", "this provider has no such option", Json(asked));
    return {};
  }
  if (*reasoning.effort != Effort::off) return std::string(asked);
  if (traits_of(dialect, model, reasoning).takes_no_effort) return "none";
  const std::string least = is_o_series(model) ? "low" : "minimal";
  notes.add(Adaptation::Action::substituted, "provider.reasoning.effort", "this model cannot answer without thinking",
            Json(asked), Json(least));
  return least;
}

void write_common(JsonObject& body, const Request& request, const Target& target, const ModelTraits& traits,
                  Notes& notes) {
  const auto& dialect = target.dialect;
  const auto& sampling = request.sampling;
  const auto& provider = request.provider_options();
  const auto sampled = [&](std::string_view name, std::string_view field, const std::optional<double>& value) {
    if (!value) return;
    if (traits.reasons) {
      notes.dropped(field, "a model that reasons takes only its own", *value);
    } else {
      body[name] = *value;
    }
  };
  sampled("temperature", "sampling.temperature", sampling.temperature);
  sampled("top_p", "sampling.top_p", sampling.top_p);
  if (!provider.user_id.empty()) {
    if (dialect.user.empty())
      notes.dropped("provider.user_id", "this provider has no such option", Json(provider.user_id));
    else
      body[dialect.user] = provider.user_id;
  }
  const auto record = [&](std::string_view name, Json value) {
    if (dialect.records)
      body[name] = std::move(value);
    else
      notes.dropped(std::format("provider.{}", name), "this provider has no such option", std::move(value));
  };
  if (!provider.service_tier.empty()) record("service_tier", Json(provider.service_tier));
  if (provider.store) record("store", *provider.store);
  if (!provider.metadata.empty()) record("metadata", provider.metadata);
  if (!provider.prompt_cache.key.empty()) {
    if (dialect.cache_key)
      body["prompt_cache_key"] = provider.prompt_cache.key;
    else
      notes.dropped("provider.prompt_cache.key", "this provider has no such option", Json(provider.prompt_cache.key));
  }
  auto rest = provider.prompt_cache;
  rest.key.clear();
  if (rest.enabled.value_or(true)) rest.enabled.reset();
  if (rest != PromptCacheOptions())
    notes.dropped("provider.prompt_cache", "this provider caches prompts by itself, and takes only a key");
}

Usage chat_usage(const JsonObject& usage) {
  Usage out{.requests = 1};
  out.prompt_tokens = count_at(usage, "prompt_tokens");
  out.completion_tokens = count_at(usage, "completion_tokens");
  out.reported_total = count_at(usage, "total_tokens");
  if (const auto* const details = object_at(usage, "prompt_tokens_details")) {
    out.cache_read_tokens = count_at(*details, "cached_tokens");
    out.cache_write_tokens = count_at(*details, "cache_write_tokens");
    out.audio_prompt_tokens = count_at(*details, "audio_tokens");
  }
  if (!out.cache_read_tokens) out.cache_read_tokens = count_at(usage, "prompt_cache_hit_tokens");
  if (const auto* const details = object_at(usage, "completion_tokens_details")) {
    out.reasoning_tokens = count_at(*details, "reasoning_tokens");
    out.audio_completion_tokens = count_at(*details, "audio_tokens");
  }
  // Some (xAI) leave the thoughts out of the completion; their sum shows it.
  const auto thoughts = out.reasoning_tokens.value_or(0);
  if (thoughts != 0 && out.prompt_tokens && out.completion_tokens && out.reported_total &&
      *out.reported_total == *out.prompt_tokens + *out.completion_tokens + thoughts)
    *out.completion_tokens += thoughts;
  return out;
}

Usage responses_usage(const JsonObject& usage) {
  Usage out{.requests = 1};
  out.prompt_tokens = count_at(usage, "input_tokens");
  out.completion_tokens = count_at(usage, "output_tokens");
  out.reported_total = count_at(usage, "total_tokens");
  if (const auto* const details = object_at(usage, "input_tokens_details")) {
    out.cache_read_tokens = count_at(*details, "cached_tokens");
    out.cache_write_tokens = count_at(*details, "cache_write_tokens");
  }
  if (const auto* const details = object_at(usage, "output_tokens_details"))
    out.reasoning_tokens = count_at(*details, "reasoning_tokens");
  return out;
}

std::vector<TokenLogprob> logprobs_of(const JsonArray& tokens) {
  std::vector<TokenLogprob> out;
  for (const auto& each : tokens) {
    const auto* const token = each.if_object();
    if (token == nullptr) continue;
    const auto logprob = number_at(*token, "logprob");
    if (!logprob) continue;
    TokenLogprob read{.text = text_of_token(*token), .logprob = *logprob};
    if (const auto* const top = array_at(*token, "top_logprobs")) {
      for (const auto& alternative : *top) {
        const auto* const other = alternative.if_object();
        if (other == nullptr) continue;
        if (const auto likely = number_at(*other, "logprob")) read.top.emplace_back(text_of_token(*other), *likely);
      }
    }
    out.push_back(std::move(read));
  }
  return out;
}

void set_logprobs(Completion& completion, const JsonArray& tokens) {
  completion.logprobs = logprobs_of(tokens);
  std::string joined;
  for (const auto& token : completion.logprobs) joined += token.text;
  completion.logprobs_complete = joined == completion.text;
}

}  // namespace dspy::providers::openai
