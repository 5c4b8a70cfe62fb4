#pragma once

#include "dspy/lm/tool.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {

/// How a model writes the calls of its tools: `opening`, the calls with `between` them, `closing`.  A call is `before`,
/// a JSON object with the tool's name and its arguments (or the name by itself, `after_name` and the arguments),
/// `after`.
struct ToolFormat {
  std::string opening = {};
  std::string before = {};
  std::string after = {};
  std::string between = "\n";
  std::string closing = {};
  std::string name_key = "name";
  std::string arguments_key = "arguments";
  std::string number_key = {};     ///< First in the object: the call's number in the conversation, as text.
  std::string after_name = {};     ///< Not empty: the name stands by itself.
  std::string before_number = {};  ///< Not empty: the call's number follows a name that stands by itself.
  std::size_t id_size = 0;         ///< Not 0: an id of so many letters and digits stands in place of the number.
  std::string key_before = {};     ///< Not empty: arguments are elements, this, a key, `key_after`, the value …
  std::string key_after = {};
  std::string value_after = {};  ///< … and this; texts stand as they are, other values as JSON.
  bool python = false;           ///< Arguments are `key=value` with commas between them, as Python writes them.
  std::string text_mark = {};    ///< Not empty: text begins with this where calls may come, with `before` in it.
  std::string result_before = "<tool_response>\n";  ///< Around a call's result, where that is written as text.
  std::string result_after = "\n</tool_response>";
  bool several = true;  ///< There may be more than one call in a reply.
  bool native = true;   ///< The model's chat template has a place for tools, so that it was trained on them.

  /// What stands in `<tool_call>` … `</tool_call>` (Hermes, Qwen and many others).
  static ToolFormat tagged();
  /// A bare object with `parameters` (Llama 3).
  static ToolFormat bare();
  /// A list after `[TOOL_CALLS]` (Mistral); `gap` is what stands between the two.
  static ToolFormat mistral(std::string_view gap = "");
  /// `[TOOL_CALLS]name[ARGS]{…}` (Mistral since 2025).
  static ToolFormat mistral_named();
  /// `[TOOL_CALLS]name[CALL_ID]id[ARGS]{…}` (Mistral Small 3.2, Magistral, Devstral), with ids of nine characters.
  static ToolFormat mistral_ids();
  /// DeepSeek V3 and R1: arguments in a fence; `false`: V3.1, which has none.
  static ToolFormat deepseek(bool is_fenced);
  /// A list between `<|START_ACTION|>` and `<|END_ACTION|>`, each call with its number (Command R7B, Command A).
  static ToolFormat command_r();
  /// `<function=name>{…}</function>` (Functionary 3.1).
  static ToolFormat functionary();
  /// `>>>name`, a line end and the arguments; text begins with `>>>all` (Functionary 3.2).
  static ToolFormat functionary_marked();
  /// A list after `<|tool_call|>` (Granite 3).
  static ToolFormat granite();
  /// The same with `<|/tool_call|>` behind it (Phi 4 mini).
  static ToolFormat phi();
  /// `functions.name:number` and the arguments, in a section of their own (Kimi K2).
  static ToolFormat kimi();
  /// Arguments as `<arg_key>` and `<arg_value>` (GLM 4.5 and later).
  static ToolFormat glm();
  /// Arguments as `<parameter=name>` in `<function=name>` (Qwen's coders).
  static ToolFormat qwen_coder();
  /// Python's calls, one a line, in a fence `tool_code` (Gemma 3, whose template has no place for tools).
  static ToolFormat gemma();
  /// The format that a model's chat template, a Jinja source, shows; else `tagged`, which is not `native` then.
  static ToolFormat recognise(std::string_view jinja);

  /// What the calls of a reply begin with, in one piece; empty where they are bare objects.
  std::string_view marker() const noexcept;
  /// Everything in the format that may be a token of its own, such as `<tool_call>` and `[ARGS]`.
  std::vector<std::string> markers() const;

  // A call is `head`, the arguments and `tail`.

  /// Up to the arguments, in two parts, between which the call's number stands where the format has one.
  struct Head {
    std::string first = {};
    std::string second = {};
    bool has_number = false;
  };
  Head head(std::string_view name) const;
  std::string tail() const;

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
