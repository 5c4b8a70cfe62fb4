#pragma once

#include "dspy/llama/engine.hpp"
#include "llama/engine/scheduler.hpp"
#include "llama/mask/constraint_cache.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace dspy::llama {

/// Prepares requests before they are queued for the engine's thread: checks them against the model and the options,
/// compiles their contracts and loads their LoRAs.  Thread-safe.
class Admission {
 public:
  /// Both outlive this.
  Admission(const std::shared_ptr<const Model>& model, const EngineOptions& options)
      : model_(model), options_(&options) {}

  /// Whether `prepare` takes microseconds; else it has a contract to compile, which is not work for an event loop.
  bool is_quick(const Generation& work);

  /// Throws what `Engine::generate` throws before it begins.
  Job prepare(Generation work, bool streams);
  /// Throws what `Engine::score` throws before it begins.
  Job prepare(Scoring scoring) const;

 private:
  Job job(Generation work, mask::CompiledContract held, std::vector<Token> given, bool streams) const;

  std::vector<std::shared_ptr<const Medium>> media_of(std::span<const Token> prompt) const;
  /// `given`: what the reply begins with.
  void check(const Generation& work, std::span<const Token> given) const;
  void require_tokens(std::span<const Token> tokens, std::string_view what) const;
  /// What a reply begins with must keep its contract.  Returns how many tokens finish it after that.
  std::size_t require_kept(std::shared_ptr<mask::Constraint> constraint, std::span<const Token> given) const;
  /// A reply that is held to a contract must be able to end before it is cut.
  void require_budget(const Generation& work, std::size_t given, std::size_t least) const;
  /// The contract to hold the reply to.
  mask::CompiledContract hold(const Generation& work);

  std::shared_ptr<const Model> model_;
  const EngineOptions* options_;
  mask::ConstraintCache contracts_;
  std::atomic<bool> has_vocabulary_ = false;
};

}  // namespace dspy::llama
