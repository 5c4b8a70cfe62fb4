#pragma once

#include "llama/mask/constraint.hpp"
#include "llama/mask/contract.hpp"

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

namespace dspy::llama::mask {

/// A contract over one vocabulary.
struct CompiledContract {
  std::shared_ptr<Constraint> constraint = {};
  std::vector<Unheld> unheld = {};
  bool drops_first_blank = false;  ///< A blank may come first that is no part of the reply.
};

/// Keeps compiled contracts, with the masks that were found for them, for the next request of the same kind.
/// Thread-safe; a contract is compiled once, however many threads ask for it.
class ConstraintCache {
 public:
  struct Options {
    std::size_t contracts = 64;
    std::size_t memory = std::size_t{256} << 20;  ///< In bytes, of all together; replies in progress keep theirs alive.
  };

  ConstraintCache() : ConstraintCache(Options()) {}
  explicit ConstraintCache(Options options) : options_(options) {}

  /// Contracts are the same if all their members are equal; vocabularies if they are one object.  Throws as
  /// `compile` does.
  CompiledContract find(const OutputContract& contract, const std::shared_ptr<const Vocabulary>& vocabulary);

  std::size_t size() const;

 private:
  struct Entry {
    OutputContract contract = {};
    std::shared_ptr<const Vocabulary> vocabulary = {};
    CompiledContract compiled = {};
  };

  void drop_oldest();

  Options options_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  ///< The last one used first.
};

}  // namespace dspy::llama::mask
