#pragma once

#include "dspy/llama/engine.hpp"
#include "llama/engine/reply/sequence.hpp"
#include "llama/model/runtime.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace dspy::llama {

/// Throws `Error` (`invalid_parameter`) unless `draft` can guess for `model`: it must have the same tokens.
void require_same_tokens(const Model& model, const Model& draft);

/// A smaller model with the same vocabulary that guesses how the replies of a larger one go on.  It reads along: what
/// it has not read of a reply, it reads when it is asked.  Guesses are its likeliest tokens, as long as it is sure of
/// them and the contract allows them.  What the larger model's sampler does not choose as well is dropped, so that
/// replies stay what they are.  Speculative decoding (Leviathan et al. 2023) without its rejection sampling.
///
/// For the scheduler's thread.
class Drafter {
 public:
  /// `options` are those of the larger model's engine, in force.
  Drafter(const Model& draft, const EngineOptions& options);

  /// A reply that wants guesses, at most `most`, behind all of its tokens.
  struct Wish {
    int id;  ///< 0 to `EngineOptions::sequences` - 1; of one reply at a time.
    Sequence* sequence;
    std::size_t most;
  };
  /// Appends guesses to the drafts of the sequences.  None for a reply that there is no room to read, or that is too
  /// long to be read in one step: it is read on in the next.  Throws what computing throws.
  void guess(std::span<const Wish> wishes);

  void set_threads(int threads) { context_->set_threads(threads); }

 private:
  /// A reply that is being guessed on.
  struct Active {
    const Wish* wish;
    int row;  ///< Of the batch: where its scores are.
  };

  std::vector<Active> read(std::span<const Wish> wishes);
  void make_room(std::size_t tokens, std::span<const Wish> wishes);
  void forget(int id, std::size_t from);
  void append(int id, Token token, bool asks);
  bool compute();

  std::unique_ptr<RuntimeContext> context_;
  std::size_t batch_size_;
  std::size_t cells_;                      ///< That the context has.
  std::size_t used_ = 0;                   ///< Of these.
  std::size_t longest_;                    ///< What the model was made to read.
  std::vector<std::vector<Token>> known_;  ///< What the context holds, by id.
  std::vector<BatchEntry> batch_;
};

}  // namespace dspy::llama
