#pragma once

#include "dspy/llama/llama_lm.hpp"
#include "dspy/lm/request.hpp"
#include "dspy/server/catalog.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

/// A model in this process as a thing of tokens.  A value.
class LocalModel {
 public:
  /// Throws `Error` (`unsupported`) for a model that is somewhere else, or has middleware or adapters (LoRA) around it.
  explicit LocalModel(const ServedModel& served);

  const llama::Model& model() const noexcept { return lm_->engine().model(); }
  llama::Engine& engine() const noexcept { return lm_->engine(); }
  /// As prices know it.
  std::string_view lm_name() const noexcept { return lm_->model(); }
  int context_length() const noexcept { return lm_->context_length(); }
  Sampling sampling_for(const Sampling& asked) const { return lm_->sampling_for({.sampling = asked}); }

  /// `text` with the control tokens that are written in it; with the model's first token where it wants one.
  std::vector<llama::Token> tokens_of_text(std::string_view text, bool adds_special) const;
  /// What the model reads for a request, tools included.
  std::vector<llama::Token> tokens_of(const Request& request) const;
  /// The conversation with the last message, the assistant's, left open, so that the model would continue it; if
  /// closed, the token that ends it follows.  Throws `Error` (`unsupported`) if the last message is not the
  /// assistant's.
  std::vector<llama::Token> tokens_of_begun(const Request& request, bool is_closed) const;
  /// Throws `Error` (`invalid_parameter`) that names the place of a number that is not a token.
  void require_tokens(std::span<const llama::Token> tokens, std::string_view place) const;

 private:
  std::shared_ptr<const LM> keeps_;
  const LlamaLM* lm_;
};

}  // namespace dspy::server
