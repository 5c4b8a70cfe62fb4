#pragma once

#include "dspy/lm/contract.hpp"
#include "dspy/lm/message.hpp"
#include "dspy/lm/sampling.hpp"
#include "dspy/lm/tool.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

class Gate;
struct TraceContext;

/// The beginning of the reply, which the model continues.
struct Prefill {
  std::string reasoning = {};
  std::string text = {};

  bool is_empty() const noexcept { return reasoning.empty() && text.empty(); }
  bool operator==(const Prefill&) const = default;
};

/// How much a model thinks before it answers.
struct ReasoningOptions {
  enum class Effort { off, minimal, low, medium, high, xhigh, max };

  std::optional<Effort> effort = {};
  std::optional<int> budget_tokens = {};
  std::string summary = {};  ///< How thoughts are summarised, in the provider's terms, such as `auto`.

  bool operator==(const ReasoningOptions&) const = default;
};

std::string_view to_string(ReasoningOptions::Effort effort) noexcept;

/// A provider's own cache of prompts.
struct PromptCacheOptions {
  std::optional<bool> enabled = {};
  std::string retention = {};  ///< `short` or `long`.
  std::string key = {};
  std::string prefix = {};                       ///< `stable` or `history`.
  std::optional<std::size_t> prefix_until = {};  ///< The messages before this one are the same in other requests.
  std::string resource = {};

  bool operator==(const PromptCacheOptions&) const = default;
};

/// What only some backends know.  One that does not says so in `Reply::adaptations`.
struct ProviderOptions {
  ReasoningOptions reasoning = {};
  PromptCacheOptions prompt_cache = {};
  /// Probabilities of an answer's alternatives: `off`, `if_available` or `required`; empty is off.
  std::string probabilities = {};
  std::string service_tier = {};
  std::string user_id = {};
  std::optional<bool> store = {};
  JsonObject extensions = {};  ///< Sent as they are.
  JsonObject metadata = {};    ///< For the provider's records.

  bool operator==(const ProviderOptions&) const = default;
};

struct Request {
  Chat messages = {};
  Sampling sampling = {};
  OutputContract contract = {};
  /// Only for an LM whose `capabilities()` include `prefill`; others ignore it, and say so.
  Prefill prefill = {};
  ToolList tools = {};
  ToolChoice tool_choice = {};
  int n = 1;  ///< Completions.  At least 1.
  /// Shared between requests, since nearly all use the same; null: none.
  std::shared_ptr<const ProviderOptions> provider = {};
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::stop_token stop = {};  ///< Asked to stop, the call ends within one step with `cancelled`.
  /// Closed while the reader of a stream is behind: the stream waits here between pieces.  A remote provider is slowed
  /// down through its connection; a local model continues, and its reply, at most `max_tokens` long, is buffered.
  std::shared_ptr<Gate> pace = {};
  /// Trace context for the server; sent only if `RemoteOptions::sends_trace_context` allows it.
  std::shared_ptr<const TraceContext> trace_context = {};

  const ProviderOptions& provider_options() const noexcept;

  /// Whether both ask the same; `deadline`, `stop`, `pace` and `trace_context` are about the call, not the question.
  bool operator==(const Request& other) const;
};

}  // namespace dspy
