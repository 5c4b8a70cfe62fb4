#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/lm/events.hpp"
#include "dspy/lm/reply.hpp"

#include <cstddef>
#include <optional>

namespace dspy {

/// Tells what a model writes that calls tools natively as one that writes them as text would be told of: pieces of
/// `next_thought`, `next_tool_name` and `next_tool_args`, call after call.  For one reply.
class CallStream {
 public:
  CallStream(const Tools& tools, const FieldSink& sink) : tools_(tools), sink_(sink) {}

  void take(const StreamEvent& event);
  /// The reply is whole.  Calls that no event told of are told now.
  void finish(const Completion& completion);

 private:
  void thought(std::string_view text);
  void call(std::size_t number, std::string_view name, std::string_view input);
  void close();

  const Tools& tools_;
  const FieldSink& sink_;
  bool is_thinking_ = false;
  std::optional<std::size_t> call_ = {};  ///< The part that is being written.
  bool has_calls_ = false;
};

}  // namespace dspy
