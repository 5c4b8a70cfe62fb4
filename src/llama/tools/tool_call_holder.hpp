#pragma once

#include "dspy/llama/tool_contract.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace dspy::llama {

/// Holds back what may be a call while a reply comes: text goes on, calls wait for the end.  For one reply and one
/// thread.
class ToolCallHolder {
 public:
  explicit ToolCallHolder(const ToolFormat& format) : format_(&format) {}

  /// Hands on text that cannot be part of a call.
  void push(std::string_view text, const std::function<void(std::string_view)>& sink);
  /// Hands on what was held, where the reply turned out to have no calls.
  void finish(bool has_calls, const std::function<void(std::string_view)>& sink);

 private:
  const ToolFormat* format_;  ///< Outlives this.
  std::string held_;
  bool begun_ = false;    ///< Something that is not blank came, or what marks text, or something else.
  bool in_call_ = false;  ///< All that comes is held.
};

}  // namespace dspy::llama
