#pragma once

#include "llama/mask/constraint.hpp"
#include "llama/mask/contract.hpp"

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace dspy::llama::mask {

/// A contract over one vocabulary.
struct CompiledContract {
  std::shared_ptr<Constraint> constraint = {};
  std::vector<Unenforced> unenforced = {};
  bool drops_first_blank = false;  ///< A blank may come first that is not a part of the reply.
};

/// Keeps compiled contracts, with the masks that were found for them, for the next request of the same kind.
/// Thread-safe; a contract is compiled once, however many threads ask for it.
///
/// Contracts are the same if a mask cannot tell them apart: signatures with other instructions or descriptions, such as
/// an optimizer's candidates, share one.  Vocabularies are the same if they are one object.
class ConstraintCache {
 public:
  struct Options {
    std::size_t contracts = 64;
    std::size_t memory = std::size_t{256} << 20;  ///< In bytes, of all together; replies in progress keep theirs alive.
  };

  ConstraintCache() : ConstraintCache(Options()) {}
  explicit ConstraintCache(Options options) : options_(options) {}

  /// What was compiled before, without waiting for a compilation in progress.
  std::optional<CompiledContract> known(const OutputContract& contract,
                                        const std::shared_ptr<const ToolContract>& tools,
                                        const std::shared_ptr<const Vocabulary>& vocabulary);

  /// Compiles what is not known, which can take milliseconds.  Throws as `compile` does.
  CompiledContract find(const OutputContract& contract, const std::shared_ptr<const Vocabulary>& vocabulary) {
    return find(contract, nullptr, vocabulary);
  }
  CompiledContract find(const OutputContract& contract, const std::shared_ptr<const ToolContract>& tools,
                        const std::shared_ptr<const Vocabulary>& vocabulary);

  std::size_t size() const;

 private:
  struct Entry {
    OutputContract contract = {};
    std::shared_ptr<const ToolContract> tools = {};
    std::shared_ptr<const Vocabulary> vocabulary = {};
    CompiledContract compiled = {};
  };

  void drop_oldest();

  Options options_;
  std::mutex compiling_;
  mutable std::mutex mutex_;  ///< Of `entries_`; after `compiling_` where both are held.
  std::list<Entry> entries_;  ///< The last one used first.
};

}  // namespace dspy::llama::mask
