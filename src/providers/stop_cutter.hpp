#pragma once

#include "dspy/lm/completion.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::providers {

/// Ends a text before the first of the stop texts, where the provider does not.  In a stream it holds back what may be
/// the start of one.
class StopCutter {
 public:
  using Sink = std::function<void(std::string_view text)>;

  explicit StopCutter(std::vector<std::string> stops);

  /// Takes the next piece, and hands out what is before any stop text for sure.
  void push(std::string_view piece, const Sink& sink);
  /// What was held back, if no stop text came.
  void finish(const Sink& sink);

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool done_ = false;
};

/// Cuts the text, its parts and its log-probabilities; the reason to finish becomes `stop`.
void cut_at_stop(Completion& completion, const std::vector<std::string>& stops);

}  // namespace dspy::providers
