#include "agents/loop/call_stream.hpp"

#include "dspy/base/json.hpp"

namespace dspy {

void CallStream::close() {
  if (is_thinking_) sink_({.field = "next_thought", .done = true});
  if (call_) sink_({.field = "next_tool_args", .done = true});
  is_thinking_ = false;
  call_.reset();
}

void CallStream::thought(std::string_view text) {
  if (text.empty()) return;
  if (call_) close();
  is_thinking_ = true;
  sink_({.field = "next_thought", .text = text});
}

void CallStream::call(std::size_t number, std::string_view name, std::string_view input) {
  if (call_ != number) {
    close();
    call_ = number;
    has_calls_ = true;
    const auto* const tool = tools_.find_by_wire_name(name);
    sink_({.field = "next_tool_name", .text = tool != nullptr ? std::string_view(tool->name()) : name, .done = true});
  }
  if (!input.empty()) sink_({.field = "next_tool_args", .text = input});
}

void CallStream::take(const StreamEvent& event) {
  using Kind = StreamEvent::Kind;
  if (event.kind == Kind::text || event.kind == Kind::reasoning) return thought(event.text);
  if (event.kind != Kind::tool_call || event.part == nullptr) return;
  if (const auto* const part = event.part->get<ToolCallPart>()) call(event.part_index, part->name, event.text);
}

void CallStream::finish(const Completion& completion) {
  if (!has_calls_) {
    std::size_t number = 0;
    for (const auto& each : completion.tool_calls) call(number++, each.name, to_text(each.input));
  }
  close();
}

}  // namespace dspy
