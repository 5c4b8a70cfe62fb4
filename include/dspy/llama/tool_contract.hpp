#pragma once

#include "dspy/lm/tool.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {

/// How a model writes the calls of its tools: `before`, a JSON object with the tool's name and its arguments, `after`.
struct ToolFormat {
  std::string before = {};
  std::string after = {};
  std::string arguments_key = {};
  bool several = true;  ///< One after the other in a reply, each on a line of its own.
  bool native = true;   ///< The model's chat template has a place for tools, so that it was trained on them.

  /// What stands in `<tool_call>` … `</tool_call>` (Hermes, Qwen and many others).
  static ToolFormat tagged();
  /// A bare object with `parameters` (Llama 3).
  static ToolFormat bare();
  /// The format that a model's chat template, a Jinja source, shows; else `tagged`, which is not `native` then.
  static ToolFormat recognise(std::string_view jinja);

  bool operator==(const ToolFormat&) const = default;
};

/// The tools that a reply may or must call, and how it writes that.
struct ToolContract {
  ToolFormat format = {};
  std::vector<ToolDefinition> tools = {};
  bool required = false;  ///< The reply is calls and nothing else.
  bool several = true;

  bool operator==(const ToolContract&) const = default;
};

}  // namespace dspy::llama
