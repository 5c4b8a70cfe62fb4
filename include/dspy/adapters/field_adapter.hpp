#pragma once

#include "dspy/adapters/adapter.hpp"

namespace dspy {

/// The simplest prompt, for small local models: `Label: value` lines.
///
/// The system message contains the instructions, and is absent if they are empty.  Demonstrations and history come
/// next, each as a user and an assistant turn.  A user turn holds one `Label: value` line per input, an empty line,
/// then one hint per output: `Label:`, followed in parentheses by the field's description, type and limits.  An
/// assistant turn is `Label: value` lines.  A line of a value that would be read as one of the signature's labels is
/// escaped with a backslash, which reading removes.
///
/// A reply is read by three strategies in this order: labelled lines, a JSON object anywhere in the text, and the whole
/// text if there is only one output.
class FieldAdapter final : public Adapter {
 public:
  std::string_view name() const noexcept override { return "field"; }
  std::shared_ptr<const Exchange> prepare(std::shared_ptr<const Signature> signature,
                                          std::span<const Example> demos = {}) const override;
};

}  // namespace dspy
