#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/key_handover.hpp"
#include "dspy/providers/provider_lm.hpp"
#include "dspy/providers/remote_options.hpp"
#include "dspy/providers/schemes.hpp"
#include "providers/uri_options.hpp"

#include <chrono>
#include <format>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Setter = std::function<void(RemoteOptions& options, std::string_view name, std::string_view value)>;

template <class T>
Setter sampling(std::optional<T> Sampling::* member) {
  return [member](RemoteOptions& options, std::string_view name, std::string_view value) {
    options.sampling.*member = providers::read_option<T>(name, value);
  };
}

Setter text_of(std::string RemoteOptions::* member) {
  return [member](RemoteOptions& options, std::string_view, std::string_view value) { options.*member = value; };
}

Setter timeout(std::chrono::milliseconds http::Timeouts::* member) {
  return [member](RemoteOptions& options, std::string_view name, std::string_view value) {
    options.timeouts.*member = providers::read_seconds(name, value);
  };
}

void set_api(RemoteOptions& options, std::string_view name, std::string_view value) {
  if (value != "chat" && value != "responses") providers::unreadable_option(name, value, "`chat` or `responses`");
  options.api = value == "chat" ? Api::chat : Api::responses;
}

void set_effort(RemoteOptions& options, std::string_view name, std::string_view value) {
  using enum ReasoningOptions::Effort;
  for (const auto effort : {off, minimal, low, medium, high, xhigh, max}) {
    if (to_string(effort) != value && !(effort == off && value == "none")) continue;
    options.provider.reasoning.effort = effort;
    return;
  }
  providers::unreadable_option(name, value, "`off`, `minimal`, `low`, `medium`, `high`, `xhigh` or `max`");
}

using Table = std::map<std::string, Setter, std::less<>>;

const Table& setters() {
  static const Table table = {
      {"max_tokens", sampling(&Sampling::max_tokens)},
      {"temperature", sampling(&Sampling::temperature)},
      {"top_p", sampling(&Sampling::top_p)},
      {"top_k", sampling(&Sampling::top_k)},
      {"min_p", sampling(&Sampling::min_p)},
      {"repeat_penalty", sampling(&Sampling::repeat_penalty)},
      {"repeat_last_n", sampling(&Sampling::repeat_last_n)},
      {"frequency_penalty", sampling(&Sampling::frequency_penalty)},
      {"presence_penalty", sampling(&Sampling::presence_penalty)},
      {"seed", sampling(&Sampling::seed)},
      {"logprobs", sampling(&Sampling::logprobs)},
      {"stop", [](auto& options, auto, auto value) { options.sampling.stop.emplace_back(value); }},
      {"api", set_api},
      {"base_url", text_of(&RemoteOptions::base_url)},
      {"api_base", text_of(&RemoteOptions::base_url)},
      {"api_key_env", text_of(&RemoteOptions::api_key_env)},
      {"api_key_ref", [](auto& options, auto, auto value) { options.api_key = take_over_key(value); }},
      {"api_version", text_of(&RemoteOptions::api_version)},
      {"organization", text_of(&RemoteOptions::organization)},
      {"project", text_of(&RemoteOptions::project)},
      {"allow_plain_http", [](auto& options, auto name,
                              auto value) { options.allow_plain_http = providers::read_option<bool>(name, value); }},
      {"trace_context", [](auto& options, auto name,
                           auto value) { options.sends_trace_context = providers::read_option<bool>(name, value); }},
      {"web_socket",
       [](auto& options, auto name, auto value) { options.web_socket = providers::read_option<bool>(name, value); }},
      {"api_key", [](auto&, auto name, auto) { providers::refuse_key(name); }},
      {"reasoning_effort", set_effort},
      {"reasoning_budget",
       [](auto& options, auto name, auto value) {
         options.provider.reasoning.budget_tokens = providers::read_option<int>(name, value);
       }},
      {"reasoning_summary", [](auto& options, auto, auto value) { options.provider.reasoning.summary = value; }},
      {"service_tier", [](auto& options, auto, auto value) { options.provider.service_tier = value; }},
      {"user", [](auto& options, auto, auto value) { options.provider.user_id = value; }},
      {"store", [](auto& options, auto name,
                   auto value) { options.provider.store = providers::read_option<bool>(name, value); }},
      {"cache_key", [](auto& options, auto, auto value) { options.provider.prompt_cache.key = value; }},
      {"context_length",
       [](auto& options, auto name, auto value) { options.context_length = providers::read_option<int>(name, value); }},
      {"num_ctx",
       [](auto& options, auto name, auto value) {
         options.context_length = providers::read_option<int>(name, value);
         options.provider.extensions["options"] = JsonObject{{"num_ctx", *options.context_length}};
       }},
      {"timeout",
       [](auto& options, auto name, auto value) { options.timeouts.total = providers::read_seconds(name, value); }},
      {"connect_timeout", timeout(&http::Timeouts::connect)},
      {"first_byte_timeout", timeout(&http::Timeouts::first_byte)},
      {"idle_timeout", timeout(&http::Timeouts::idle)},
  };
  return table;
}

}  // namespace

RemoteOptions remote_options(const LMUri& uri) {
  RemoteOptions options{.model = uri.path};
  for (const auto& [name, value] : uri.options) {
    const auto setter = setters().find(name);
    if (setter == setters().end()) providers::unknown_option(name, setters());
    setter->second(options, name, value);
  }
  return options;
}

std::shared_ptr<LM> lm_from_model_string(const LMUri& uri) {
  return remote(uri.scheme, remote_options(uri));
}

std::shared_ptr<LM> remote(std::string_view provider, RemoteOptions options) {
  const auto* const dialect = find_dialect(provider);
  if (dialect != nullptr) return std::make_shared<ProviderLM>(*dialect, std::move(options));
  std::vector<std::string> known;
  for (const auto& each : dialect_words()) known.emplace_back(each.word);
  const auto near = text::nearest(provider, known);
  throw Error(Errc::config_error, std::format("there is no provider `{}`; {}", provider,
                                              near ? std::format("did you mean `{}`?", *near)
                                                   : std::format("there is {}", text::enumerate(known, "`", "and"))));
}

std::shared_ptr<LM> openai(RemoteOptions options) {
  return remote("openai", std::move(options));
}
std::shared_ptr<LM> anthropic(RemoteOptions options) {
  return remote("anthropic", std::move(options));
}
std::shared_ptr<LM> gemini(RemoteOptions options) {
  return remote("gemini", std::move(options));
}
std::shared_ptr<LM> ollama(RemoteOptions options) {
  return remote("ollama", std::move(options));
}
std::shared_ptr<LM> azure_openai(RemoteOptions options) {
  return remote("azure", std::move(options));
}
std::shared_ptr<LM> openai_compatible(RemoteOptions options) {
  return remote("compatible", std::move(options));
}

bool register_providers() {
  bool all = true;
  for (const auto& each : dialect_words()) all = register_lm_scheme(each.word, &lm_from_model_string) && all;
  return all;
}

}  // namespace dspy
