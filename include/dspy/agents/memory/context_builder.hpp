#pragma once

#include "dspy/agents/memory/memory.hpp"
#include "dspy/lm/message.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace dspy {

/// Something that may go into a prompt.
struct ContextItem {
  std::string name = {};  ///< For the report: `instructions`, `history`, `passage 3`.
  std::vector<Message> messages = {};
  int priority = 0;       ///< Higher goes in first; of equals, the one that was added first.
  bool required = false;  ///< Without it there is no prompt.
  /// Where not all of it fits, its last messages go in, on the borders of what belongs together.
  bool may_be_cut = false;
};

struct LeftOut {
  std::string name = {};
  std::size_t messages = 0;
  std::size_t tokens = 0;
};

struct BuiltContext {
  std::vector<Message> messages = {};
  std::size_t tokens = 0;
  std::vector<LeftOut> left_out = {};
};

struct ContextBuilderOptions {
  std::size_t max_tokens = 8'192;
  TokenCounter counter = likely_tokens;
};

/// Decides what goes into the next prompt, within a number of tokens, and tells what did not.  A tool's call and its
/// result go together.  A value.
class ContextBuilder {
 public:
  explicit ContextBuilder(ContextBuilderOptions options = {});

  /// In the order of the items in the prompt.
  void add(ContextItem item);
  /// Throws `Error` (`context_too_long`, with `actual` and `max`) if what is required does not fit.
  BuiltContext build() const;

 private:
  ContextBuilderOptions options_;
  std::vector<ContextItem> items_;
};

}  // namespace dspy
