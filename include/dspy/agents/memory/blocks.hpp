#pragma once

#include "dspy/agents/tools.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// A piece of memory that an agent reads in each prompt, and edits by tools.
struct MemoryBlock {
  std::string name = {};
  std::string description = {};  ///< What it is for.
  std::string text = {};
  std::size_t limit = 2'000;  ///< Bytes.
  bool read_only = false;
};

/// Blocks of memory with limits (as MemGPT has them: Packer et al. 2023).  Copies share the blocks.  Thread-safe.
class MemoryBlocks {
 public:
  /// Throws `Error` (`invalid_parameter`) for two of one name, or a text beyond its limit.
  explicit MemoryBlocks(std::vector<MemoryBlock> blocks);

  /// Nothing if there is no such block.
  std::optional<MemoryBlock> get(std::string_view name) const;
  std::vector<MemoryBlock> all() const;
  /// Throw `Error` (`bad_input`), in words for a model: no such block, read-only, too long, or text that is not there
  /// exactly once.
  void append(std::string_view name, std::string_view text) const;
  void replace(std::string_view name, std::string_view before, std::string_view after) const;
  void rewrite(std::string_view name, std::string text) const;

  /// As prompts have them: each under its name, with how full it is.
  std::string to_prompt() const;
  /// `memory_append`, `memory_replace` and `memory_rewrite`.
  Tools tools() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace dspy
