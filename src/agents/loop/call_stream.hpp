#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/lm/events.hpp"
#include "dspy/lm/reply.hpp"

#include <cstddef>
#include <optional>

namespace dspy {

/// Reports native tool calls in the same form as calls written as text: pieces of `next_thought`, `next_tool_name` and
/// `next_tool_args`, call by call.  For one reply.
class CallStream {
 public:
  CallStream(const Tools& tools, const FieldSink& sink) : tools_(tools), sink_(sink) {}

  void take(const StreamEvent& event);
  /// The reply is complete.  Calls without events so far are reported now.
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
