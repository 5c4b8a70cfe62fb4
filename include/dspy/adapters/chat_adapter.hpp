#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/adapters/profile.hpp"

#include <string>

namespace dspy {

/// The sentences between the parts of a `ChatAdapter`'s prompt.  Replace any of them; one that is
/// empty is left out.
struct ChatTexts {
  std::string inputs = "Inputs:";
  std::string outputs = "Outputs:";
  std::string structure = "Format:";  ///< Before the sections as questions and replies have them.
  std::string task = "Task:";
  /// Ends the question.  `{outputs}` is replaced by the names of the outputs in order, with their types.
  std::string request = "Reply in this format.";
  std::string partial_example = "(An example with some fields missing.)";  ///< Before such a demonstration.
  /// Stands for an output that the demonstration does not have: as in Python DSPy, since models and saved prompts know
  /// these words.
  std::string missing_in_example = "Not supplied for this particular example. ";

  bool operator==(const ChatTexts&) const = default;
};

struct ChatAdapterOptions {
  ChatTexts texts = {};
  Profile profile = Profile::newest;
};

/// DSPy's prompt for chat models: sections that open with a marker, `[[ ## name ## ]]`, on a line of its own, and a
/// reply that ends with `[[ ## completed ## ]]`.
///
/// The system message lists the fields with their types, shows the sections, and gives the instructions.
/// Demonstrations and history come next, each as a user and an assistant turn, then the question, which ends with a
/// request for the outputs.  Structure, order and the rendering of values are those of Python DSPy; the sentences
/// between them are ours.
///
/// Anything in a value that would be read as a marker is escaped with a backslash after the first bracket, which
/// reading removes.  A reply is read by its markers, then as a JSON object, then by labelled lines, then as a whole if
/// there is only one output.
class ChatAdapter final : public Adapter {
 public:
  explicit ChatAdapter(ChatAdapterOptions options = {});

  std::string_view name() const noexcept override;
  std::shared_ptr<const Exchange> prepare(std::shared_ptr<const Signature> signature,
                                          std::span<const Example> demos = {}) const override;

 private:
  std::shared_ptr<const ChatAdapterOptions> options_;
};

}  // namespace dspy
