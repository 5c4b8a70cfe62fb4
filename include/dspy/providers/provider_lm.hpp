#pragma once

#include "dspy/base/secret.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/providers/dialect.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dspy {

/// A model at a provider.  Only `model` has to be there.
struct RemoteOptions {
  // What is asked.
  std::string model = {};         ///< As the provider calls it, or `responses/MODEL` at OpenAI.
  Sampling sampling = {};         ///< For what a request leaves unset; what both leave is the provider's to decide.
  ProviderOptions provider = {};  ///< The same.
  std::optional<Api> api = {};    ///< `Api::responses` at OpenAI and Azure; unset: as the provider does.
  /// The model's window in tokens.  A prompt that is sure not to fit is refused before it is sent (`context_too_long`).
  std::optional<int> context_length = {};

  // Where, and who asks.
  std::string base_url = {};  ///< Else the provider's variable of the environment, else its own.
  Secret api_key = {};        ///< Else the variable `api_key_env`, else the provider's variables.
  std::string api_key_env = {};
  std::string api_version = {};  ///< Azure's.
  std::string organization = {};
  std::string project = {};
  http::Headers headers = {};  ///< Sent with each request.
  /// Send a key over plain HTTP to a host that is not this machine.
  bool allow_plain_http = false;
  /// Send `Request::trace_context` as W3C's `traceparent` and `tracestate`, for servers that take part in one's traces.
  bool sends_trace_context = false;
  /// Ask Responses over WebSockets that are kept open, where a provider offers it (OpenAI, Azure, xAI): no new request
  /// over HTTP in each turn of an agent.  With `Api::responses` only; no trace context is sent.
  bool web_socket = false;

  // How.
  http::Timeouts timeouts = {};
  std::shared_ptr<http::Transport> transport = {};  ///< Null: `http::default_transport()`.
};

/// A model behind an HTTP API.  Thread-safe.
///
/// `complete` and `stream` throw `Error`: `authentication_failed`, `billing_error`, `rate_limit_exceeded` (with
/// `retry_after` if the provider gives it), `refused`, `unsupported`, `context_too_long`, `model_not_found`,
/// `unavailable`, `timeout`, `stream_broken` (a stream that ended early, with the text so far in `raw`), `parse_error`
/// (a tool call whose arguments are not JSON), `cancelled`, `deadline_exceeded`.  One request is one attempt; retries
/// are `lm/middleware`'s.
class ProviderLM final : public LM {
 public:
  /// Throws `Error` (`config_error`, or `authentication_failed` if there is no key; it names the variables).
  ProviderLM(const Dialect& dialect, RemoteOptions options);

  std::string_view model() const noexcept override;
  Capabilities capabilities() const override;
  std::string fingerprint() const override;
  Async<Reply> complete(Request request) override;
  Async<Reply> stream(Request request, EventSink sink) override;

  const Dialect& dialect() const noexcept;
  /// The URL that requests begin with.
  const std::string& base_url() const noexcept;

 private:
  struct Setup;

  std::shared_ptr<const Setup> setup_;
};

/// `remote("groq", {.model = "openai/gpt-oss-20b"})`: any provider by name.  For an unknown name, throws `Error`
/// (`config_error`) that lists similar ones.
std::shared_ptr<LM> remote(std::string_view provider, RemoteOptions options);

std::shared_ptr<LM> openai(RemoteOptions options);
std::shared_ptr<LM> anthropic(RemoteOptions options);
std::shared_ptr<LM> gemini(RemoteOptions options);
std::shared_ptr<LM> ollama(RemoteOptions options);
std::shared_ptr<LM> azure_openai(RemoteOptions options);
/// A server that speaks OpenAI's Chat Completions at `base_url`.
std::shared_ptr<LM> openai_compatible(RemoteOptions options);

}  // namespace dspy
