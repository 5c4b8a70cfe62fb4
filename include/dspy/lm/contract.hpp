#pragma once

#include "dspy/signature/signature.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// What the reply must look like, for engines that can hold a model to it and providers that
/// have structured output.  Adapters say how they will read it: `signature` names the outputs,
/// `form` how they are written down.  Without a signature, `choices` or `grammar` say it all:
///
///     Request{.messages = chat, .contract = {.form = OutputContract::Form::choices, .choices = {"yes", "no"}}}
struct OutputContract {
  enum class Form {
    text,     ///< Anything.
    fields,   ///< `Label: value` lines.
    markers,  ///< `[[ ## name ## ]]` sections.
    json,     ///< A JSON object.
    xml,      ///< `<name>` elements.
    choices,  ///< One of `choices`.
    regex,    ///< A text that all of the regular expression `grammar` matches.
    schema,   ///< JSON that matches the JSON Schema in `grammar`.
    gbnf,     ///< A text of `grammar`, in the notation of llama.cpp, from its rule `root`.
  };

  Form form = Form::text;
  std::shared_ptr<const Signature> signature = {};
  std::vector<std::string> choices = {};
  std::string grammar = {};
  std::string name = {};            ///< The schema's name, for providers that require one.
  std::optional<bool> strict = {};  ///< Hold the model to a schema exactly.  Unset: as the provider does.
  /// For elements: text between tags is literal, without entities, and a self-closing element is null, as in DSPy 3.5.
  bool literal_text = false;
  /// The model may think between `<think>` and `</think>` first.
  bool may_think = false;

  /// Signatures are compared by their outputs.
  bool operator==(const OutputContract& other) const;
};

std::string_view to_string(OutputContract::Form form) noexcept;

}  // namespace dspy
