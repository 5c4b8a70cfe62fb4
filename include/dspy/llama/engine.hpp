#pragma once

#include "dspy/base/async.hpp"
#include "dspy/llama/model.hpp"
#include "dspy/lm/request.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dspy::llama {

/// How a model is run.
struct EngineOptions {
  // Behaviour
  int context_length = 32768;  ///< Tokens of prompt and reply together; at most what the model was trained for.
  int queue_limit = 256;       ///< Requests that may wait.  One more is refused.
  bool reuse = true;           ///< Keep the last call's computed tokens for a prompt that starts alike.
  /// The same bits whatever was computed before: prompts are read in small steps.  Off, long
  /// prompts are read faster, and equal calls may differ where two tokens are nearly as likely.
  bool reproducible = true;

  // Performance
  int threads = 0;     ///< 0: as many as help (see `Engine::threads`).
  int batch = 256;     ///< Prompt tokens computed in one step; cancelling waits for one.
  bool yields = true;  ///< Use fewer threads while other programs want the processor.

  bool operator==(const EngineOptions&) const = default;
};

/// Throws `Error` (`invalid_parameter`) that names the first value outside its range.
void validate(const EngineOptions& options);

/// What an engine has done.  Times are in seconds.
struct EngineStats {
  std::uint64_t requests = 0;  ///< Accepted.
  std::uint64_t completed = 0;
  std::uint64_t cancelled = 0;  ///< Also those whose deadline passed.
  std::uint64_t failed = 0;
  std::uint64_t prompt_tokens = 0;
  std::uint64_t reused_tokens = 0;    ///< Prompt tokens still known from the call before.
  std::uint64_t computed_tokens = 0;  ///< Prompt tokens computed.
  std::uint64_t completion_tokens = 0;
  double prompt_seconds = 0;      ///< Computing prompts.
  double completion_seconds = 0;  ///< Writing replies.
  double queue_seconds = 0;       ///< Waiting, summed over requests.
  std::size_t queued = 0;         ///< Waiting now.
  std::size_t running = 0;        ///< Being computed now.
  int threads = 0;                ///< Now; fewer than at first while others want the processor.
  std::uint64_t slowdowns = 0;    ///< How often a thread was given up.
};

/// One reply to be written: tokens in, text out.
struct Generation {
  std::vector<Token> prompt{};
  Sampling sampling{};  ///< What is unset takes the default that `Sampling` names.
  std::optional<std::chrono::steady_clock::time_point> deadline{};
  std::stop_token stop{};
  bool ignores_end = false;  ///< Write on past tokens that end a reply, for measuring speed.
};

/// Runs one model on one thread of its own.  Requests from any number of threads wait in a queue
/// and are answered one at a time.  Destroying it ends what waits and runs with `model_not_loaded`.
class Engine {
 public:
  explicit Engine(std::shared_ptr<const Model> model, EngineOptions options = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Writes a reply; `sink` (if any) runs where the caller awaits.  Ends within one step when its
  /// stop is requested, its deadline passes or the awaiting coroutine is cancelled.
  ///
  /// Usage counts every token of the prompt, and the tokens the model wrote: those of the text
  /// and of a stop text that was cut off it, without the token that ends the reply.
  ///
  /// Throws `Error`: `context_too_long` before anything is computed; `rate_limit_exceeded` when
  /// the queue is full; `cancelled`; `deadline_exceeded`; `inference_failed`; `backend_error`.
  Async<Reply> generate(Generation work, EventSink sink = {});

  const Model& model() const noexcept;
  /// The options as they are in force: the context clamped, the threads chosen.
  const EngineOptions& options() const noexcept;
  EngineStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dspy::llama
