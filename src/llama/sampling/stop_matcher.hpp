#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {

/// Looks for texts that end a reply in bytes that arrive piece by piece, and holds back what may be the start of one.
class StopMatcher {
 public:
  /// Empty stops are ignored.
  explicit StopMatcher(std::vector<std::string> stops);

  /// Adds `bytes`; returns those that are certainly part of the reply.  Once `stopped()`, returns nothing more.
  std::string push(std::string_view bytes);
  /// What was held back, now that nothing follows.
  std::string finish();

  bool stopped() const noexcept { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace dspy::llama
