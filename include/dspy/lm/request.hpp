#pragma once

#include "dspy/lm/message.hpp"
#include "dspy/signature/signature.hpp"
#include "dspy/signature/usage.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// How the next token is chosen.  What is unset is decided by the LM's own options, then by
/// the model file's recommendation, then by the default named here.
struct Sampling {
  std::optional<int> max_tokens = {};         ///< 512.  At least 1.
  std::optional<double> temperature = {};     ///< 0.7.  0 always takes the likeliest token.
  std::optional<double> top_p = {};           ///< 0.9.  In (0, 1]; 1 is off.
  std::optional<int> top_k = {};              ///< 0, which is off.
  std::optional<double> min_p = {};           ///< 0, which is off.
  std::optional<double> repeat_penalty = {};  ///< 1.1.  1 is off.
  std::optional<int> repeat_last_n = {};      ///< 64.  How many tokens the penalty looks back on.
  std::optional<std::uint64_t> seed = {};     ///< Random.  The same seed gives the same text.
  std::vector<std::string> stop = {};         ///< The reply ends before the first of these.

  /// Each value of `this`, else of `fallback`.
  Sampling over(const Sampling& fallback) const;

  bool operator==(const Sampling&) const = default;
};

/// Throws `Error` (`invalid_parameter`) that names the first value outside its range.
void validate(const Sampling& sampling);

/// What the reply must look like, for engines that can hold a model to it and providers that
/// have structured output.  `signature` names the outputs; `form` how they are written down.
struct OutputContract {
  enum class Form { text, fields, markers, json, xml };

  Form form = Form::text;
  std::shared_ptr<const Signature> signature = {};
};

struct Request {
  Chat messages = {};
  Sampling sampling = {};
  OutputContract contract = {};
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::stop_token stop = {};  ///< Asked to stop, the call ends within one step with `cancelled`.
};

enum class FinishReason { stop, length };

std::string_view to_string(FinishReason reason) noexcept;

struct Reply {
  std::string text = {};
  Usage usage = {};
  FinishReason finish = FinishReason::stop;
};

/// A piece of a reply as it is written.
struct StreamEvent {
  enum class Kind {
    prompt_done,  ///< The prompt is read; `usage` counts its tokens.
    text,         ///< `text` continues the reply: whole UTF-8 characters.
  };

  Kind kind = Kind::text;
  std::string_view text = {};  ///< Valid during the call only.
  Usage usage = {};            ///< So far.
};

/// Receives a stream's events in order, never two at a time.
using EventSink = std::function<void(const StreamEvent& event)>;

}  // namespace dspy
