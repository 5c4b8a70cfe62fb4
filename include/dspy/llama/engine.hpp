#pragma once

#include "dspy/base/async.hpp"
#include "dspy/llama/context_options.hpp"
#include "dspy/llama/model.hpp"
#include "dspy/llama/tool_contract.hpp"
#include "dspy/lm/completion.hpp"
#include "dspy/lm/events.hpp"
#include "dspy/lm/request.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

namespace dspy::llama {

/// What becomes of a request for which the queue has no place.
enum class WhenFull {
  refuse,  ///< `rate_limit_exceeded`.
  wait,    ///< The caller waits for a place, first come first served.
};

/// Speculative decoding: guesses from earlier occurrences in the prompt or the reply (prompt lookup), or by a smaller
/// model (`EngineOptions::draft_model`).  Guesses are computed in the same step; correct ones need no step of their
/// own.  The reply is the same with and without.
enum class Speculation {
  automatic,  ///< As far as it pays, by the time that steps take.
  on,         ///< Wherever there is something to guess.
  off,
};

/// How a model is run.
struct EngineOptions {
  // Behaviour
  int context_length = 32768;  ///< Tokens of prompt and reply together; at most what the model was trained for.
  int sequences = 16;          ///< Replies written at once, 1 to 96.
  int queue_limit = 256;       ///< Requests that may wait.
  WhenFull when_full = WhenFull::refuse;
  /// An idle engine waits this long for more requests, up to `sequences`, before it starts the first: batches are
  /// fuller, first tokens later.
  std::chrono::milliseconds collect{0};
  /// Keep computed tokens for prompts that start alike, in the context and in host memory.  Off, every prompt is
  /// computed from its start.
  bool reuse = true;
  /// Equal requests with equal seeds give bit-identical replies, regardless of other requests: each is computed alone,
  /// in steps and cells that depend only on its own tokens, and shares only whole steps of its prompt.  Requests run
  /// one after another, so this is for tests and records, not for load.
  bool reproducible = false;
  /// Held to a contract, a text output (not code) that says the same tokens over and over is ended once so many of them
  /// repeat, at least six times: `loop_ended`.  0: never.
  int loop_tokens = 128;

  // Performance
  int threads = 0;  ///< 0: as many as help (see `Engine::threads`).
  int batch = 256;  ///< Tokens computed in one step at most; cancelling waits for one.
  /// Of these, tokens that the library computes at once: fewer need less memory, and more time.  0: all.
  int micro_batch = 0;
  /// Of these, prompt tokens at most while replies are being written.  With the library's kernels, from 64 tokens in a
  /// step attention is computed in tiles, which takes less time on a processor than 16 tokens one by one.
  int prefill_chunk = 64;
  Speculation speculation = Speculation::automatic;
  int draft_tokens = 16;     ///< Guessed ahead for one reply in a step at most, 1 to 64.
  int draft_memory = 32768;  ///< Tokens of earlier replies that guesses may come from; 0: from a request's own only.
  /// A smaller model with the same vocabulary, which guesses where there is no earlier occurrence.
  std::shared_ptr<const Model> draft_model{};
  bool yields = true;  ///< Use fewer threads while other programs need the CPU.

  // Memory
  /// Tokens of all prompts and replies that the context holds at once: the KV budget.  A request starts when its prompt
  /// and the longest reply it may get fit.  0: one of `context_length`, or 1024 for each of `sequences` if that is
  /// more.
  int kv_tokens = 0;
  std::int64_t kv_bytes = 0;  ///< The same budget in bytes; 0 for none.  Only one of both may be set.
  KvType kv_type = KvType::f16;
  FlashAttention flash_attention = FlashAttention::automatic;
  /// With a graphics card: what is computed of prompts stays in the machine's memory, which leaves the card to weights,
  /// and takes more time.  Off, that happens only where the card has no room, and is logged.
  bool kv_on_host = false;
  std::int64_t host_bytes = 512LL << 20;  ///< For prompts that are known but not in use.
  /// A folder for cached prompts beyond `host_bytes`, and for those remaining when the engine ends: the next one with
  /// the same model and options starts with them.  Empty: none.
  std::filesystem::path prefix_directory{};
  std::int64_t file_bytes = 4LL << 30;  ///< In that folder, by this engine.

  bool operator==(const EngineOptions&) const = default;
};

/// How an engine treats the contract of a request.  A contract other than a signature (choices, a regular expression, a
/// schema, a grammar) is an error if it cannot be enforced completely; it is never dropped.
enum class Constrain {
  off,     ///< Nothing: the reply is free, whatever the contract says.
  on,      ///< Enforced; what masks cannot enforce is listed in `Completion::unenforced`.
  strict,  ///< The same, but an unenforceable part is an error (`invalid_parameter`).
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
  std::uint64_t reused_tokens = 0;    ///< Prompt tokens that were known already.
  std::uint64_t computed_tokens = 0;  ///< Prompt tokens computed.
  std::uint64_t completion_tokens = 0;
  std::uint64_t forced_tokens = 0;    ///< Of these, tokens that had to come, and were not sampled.
  std::uint64_t drafted_tokens = 0;   ///< Guessed ahead.
  std::uint64_t accepted_tokens = 0;  ///< Of these, tokens that came.
  std::uint64_t scored_tokens = 0;    ///< Tokens of continuations that were scored.
  double prompt_seconds = 0;          ///< Computing prompts, summed over requests.
  double completion_seconds = 0;      ///< Writing replies, summed over requests.
  double queue_seconds = 0;           ///< Waiting, summed over requests.
  double draft_seconds = 0;           ///< Guessing with the draft model.
  std::size_t queued = 0;             ///< Waiting now, at most `EngineOptions::queue_limit`.
  std::size_t held_back = 0;          ///< Waiting for a place in the queue (`WhenFull::wait`).
  std::size_t running = 0;            ///< Being computed now.
  std::size_t most_running = 0;       ///< Requests in one step at most.
  std::uint64_t steps = 0;            ///< Batches computed.
  std::uint64_t step_tokens = 0;      ///< Tokens in them.
  std::uint64_t filling_tokens = 0;   ///< Beside these: what steps were filled up with, where that takes less time.

  std::size_t kv_tokens = 0;          ///< The KV budget.
  std::size_t kv_free = 0;            ///< Of these, neither held nor reserved.
  std::size_t cached_tokens = 0;      ///< Known prompts in the context, in use or not.
  std::size_t host_bytes = 0;         ///< Known prompts in host memory.
  std::uint64_t file_bytes = 0;       ///< Known prompts in files.
  std::uint64_t stored_tokens = 0;    ///< Moved to host memory.
  std::uint64_t restored_tokens = 0;  ///< Brought back from there.
  std::uint64_t spilled_tokens = 0;   ///< Written to files.
  std::uint64_t loaded_tokens = 0;    ///< Read from files.
  std::uint64_t evicted_tokens = 0;   ///< Forgotten for lack of room, or by `clear`.
  int threads = 0;                    ///< Now; fewer than at first while others want the processor.
  std::uint64_t slowdowns = 0;        ///< How often a thread was given up.
  std::uint64_t lora_switches = 0;    ///< How often a step used other LoRA adapters than the one before.
};

/// A LoRA adapter for one request, by its file (GGUF).  Each file is loaded once for a model, however many use it.
struct Lora {
  std::filesystem::path file{};
  double scale = 1;

  bool operator==(const Lora&) const = default;
};

/// Added to a token's score before anything else.  Minus infinity forbids the token.
struct TokenBias {
  Token token = 0;
  float bias = 0;
};

/// One reply to be written: tokens in, text out.
struct Generation {
  std::vector<Token> prompt{};
  Sampling sampling{};  ///< What is unset takes the default that `Sampling` names.
  std::optional<std::chrono::steady_clock::time_point> deadline{};
  std::stop_token stop{};
  std::vector<TokenBias> bias{};
  /// Adapters that the model is run through.  Requests with different ones take turns, and share no prompts.
  std::vector<Lora> loras{};
  int priority = 0;           ///< Higher starts first; none waits forever.
  bool ignores_end = false;   ///< Write on past tokens that end a free reply, for measuring speed.
  OutputContract contract{};  ///< What constrains the reply, token by token.
  Constrain constrain = Constrain::on;
  std::shared_ptr<const ToolContract> tools{};  ///< That the reply may call; null for none.
  /// The beginning of the reply, which the model continues.  To rewrite a field and keep those before it: the reply up
  /// to that field's value.  Counts towards `max_tokens`, and must satisfy the contract.
  std::string prefill{};
  /// Where the reply begins with thoughts (`<think>`), they have at most so many tokens: then the closing tag follows.
  std::optional<int> thought_tokens{};
};

/// The result: one completion, whose text still contains the thoughts, and its usage.
struct Generated : Completion {
  Usage usage{};
};

/// A text to be looked at: how likely is it after a prompt?
struct Scoring {
  std::vector<Token> prompt{};
  std::vector<Token> continuation{};  ///< May be empty where tokens are named.
  std::vector<Token> named{};         ///< How likely is each of these right after the prompt?
  std::optional<std::chrono::steady_clock::time_point> deadline{};
  std::stop_token stop{};
  std::vector<Lora> loras{};
  int priority = 0;
};

/// How likely a model finds a continuation: natural logarithms, before temperature, penalties and bias.
struct Score {
  double logprob = 0;            ///< Of the whole: the sum of its tokens'.
  std::vector<double> tokens{};  ///< Of each token after those before it.
  std::vector<double> named{};   ///< Of `Scoring::named`.
  bool is_greedy = false;        ///< Each was the likeliest, so a reply at temperature 0 begins with them.
  Usage usage{};
};

/// Runs one model on one thread of its own.  Requests from any number of threads wait in a queue; all that run advance
/// together, one batch a step, and share what their prompts have in common.  Thread-safe.  Destroying it ends what
/// waits and runs with `model_not_loaded`, and what is first awaited after that.
///
///     llama::Engine engine(model, {.sequences = 8});
///     Generated reply = wait(engine.generate({.prompt = model->tokenize(chat)}));
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
  /// the queue is full; `invalid_parameter` for a contract that cannot be held, or that leaves no
  /// token which bias and model allow; `model_not_found`, `model_load_error` and `invalid_parameter`
  /// for a LoRA that is not there, is none, or fits another model; `cancelled`; `deadline_exceeded`;
  /// `inference_failed`; `backend_error`.
  Async<Generated> generate(Generation work, EventSink sink = {});

  /// `count` replies to one prompt, which is read once: the first with the seed of `work` (random if unset), each other
  /// with the next higher one.  They come as `generate` would write each.  Throws what `generate` throws, and
  /// `invalid_parameter` for a count below 1; the others end then.
  Async<std::vector<Generated>> generate_n(Generation work, int count);

  /// How likely `work.continuation` is after `work.prompt`; nothing is sampled.  Requests share steps and prompts as
  /// replies do, so candidates for one prompt cost little more than their own tokens.  Throws what `generate` throws.
  Async<Score> score(Scoring work);

  // Known prompts.  These calls take their turn between two steps, and wait for it.

  /// Forgets all known prompts that no request is using.
  void clear();
  /// Computes `prefix` unless it is known, and keeps it, at least in host memory, until as many `unpin`s.  For prompts
  /// that programs use over and over.
  Async<void> pin(std::vector<Token> prefix);
  /// False if it was not pinned.
  bool unpin(const std::vector<Token>& prefix);
  /// Computes `prefix` unless it is known, and writes it to a file, whole or not at all, so that another process need
  /// not compute it.  Throws `Error` (`io_error`) as well as what `generate` throws.
  Async<void> save(std::vector<Token> prefix, std::filesystem::path file);
  /// Loads a saved prefix.  Returns it.  Throws `Error`: `io_error` (unreadable, truncated, damaged);
  /// `invalid_parameter` (of another model or library); `rate_limit_exceeded` (no room beside what runs).
  std::vector<Token> load(const std::filesystem::path& file);

  const Model& model() const noexcept;
  /// The effective options: the context clamped, the threads chosen.
  const EngineOptions& options() const noexcept;
  EngineStats stats() const;

 private:
  struct Impl;
  struct Calls;
  std::shared_ptr<Impl> impl_;
};

}  // namespace dspy::llama
