#pragma once

#include "dspy/llama/engine.hpp"
#include "dspy/llama/model_pool.hpp"
#include "dspy/lm/likelihood.hpp"
#include "dspy/lm/lm.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

struct LlamaOptions {
  Sampling sampling{};  ///< For what a request leaves open; before the model file's own advice.
  llama::EngineOptions engine{};
  llama::ModelOptions model{};
  /// Whether replies are constrained to the request's contract (guide/constrained_decoding.md).
  llama::Constrain constrain = llama::Constrain::on;
  std::string draft{};               ///< The name or path of a model for `EngineOptions::draft_model`; empty: none.
  std::vector<llama::Lora> loras{};  ///< Adapters for all requests of this LM; others share its engine.
  llama::Progress progress{};        ///< Told how far the file is loaded; false gives up.
  std::shared_ptr<llama::ModelPool> pool{};  ///< The process's own if empty.
};

/// A language model in this process, over llama.cpp.  LMs of the same file and engine options
/// share weights, context and queue.  Thread-safe.
///
///     dspy::LlamaLM lm("models/dspy-tiny.gguf", {.sampling = {.temperature = 0}});
///     auto lm = dspy::lm("llama:dspy-tiny?temperature=0&context_length=2048");
///
/// The URI takes the names of the members of `Sampling` (`stop` more than once), of
/// `EngineOptions`, `draft` (a model's name or path), `gpu_layers`, `kernels` (`auto` or `library`), `constrain` (`on`,
/// `off` or `strict`), `device` and `lora` (a file, with `:scale` after it or not; both more than once), and of
/// `MediaOptions` (`max_bytes` as `max_media_bytes`).
///
/// Beside what `Engine::generate` and `ModelPool::load` throw, calls throw `Error`
/// (`invalid_parameter`) for a conversation that is empty or not UTF-8.
class LlamaLM final : public LM, public LikelihoodLM {
 public:
  /// Loads the model, or finds it loaded.
  explicit LlamaLM(std::string_view name_or_path, LlamaOptions options = {});

  std::string_view model() const noexcept override;
  Capabilities capabilities() const override;
  std::string fingerprint() const override;
  Async<Reply> complete(Request request) override;
  Async<Reply> stream(Request request, EventSink sink) override;
  Async<ReplyLikelihood> likelihood(Request request, std::string reply) override;

  /// What `request` would be sampled with: its own values, else the options', else the model
  /// file's advice.
  Sampling sampling_for(const Request& request) const;
  /// The tokens the model would read.
  std::vector<llama::Token> prompt_for(const Chat& messages) const;
  /// The same of a request, tools included, without what the reply is to begin with.
  std::vector<llama::Token> prompt_for_request(const Request& request) const;

  llama::Engine& engine() const noexcept;
  /// The context is full beyond this many tokens of prompt and reply.
  int context_length() const noexcept;

 private:
  struct Setup;  // shared with calls, which may outlast the LM

  std::shared_ptr<const Setup> setup_;
};

namespace llama {

/// The factory behind `llama:` URIs (dspy/schemes.hpp).  Throws `Error` (`config_error`) for an option that does
/// not exist or cannot be read.
std::shared_ptr<LM> lm_from_uri(const LMUri& uri);

}  // namespace llama
}  // namespace dspy
