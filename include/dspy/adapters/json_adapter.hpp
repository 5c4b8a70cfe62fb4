#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/adapters/profile.hpp"

#include <string>

namespace dspy {

/// The sentences between the parts of a `JsonAdapter`'s prompt.  Replace any of them; one that is
/// empty is left out.
struct JsonTexts {
  std::string inputs = "Inputs:";
  std::string outputs = "Outputs:";
  std::string input_structure = "Input format:";
  std::string output_structure = "Output format:";
  std::string task = "Task:";
  /// Ends the question.  `{outputs}` is replaced by the keys in order, with their types.
  std::string request = "Reply with the JSON object.";
  std::string partial_example = "(An example with some fields missing.)";  ///< Before such a demonstration.
  /// Stands for an output that the demonstration does not have: as in Python DSPy, since models and saved prompts know
  /// these words.
  std::string missing_in_example = "Not supplied for this particular example. ";

  bool operator==(const JsonTexts&) const = default;
};

struct JsonAdapterOptions {
  JsonTexts texts = {};
  Profile profile = Profile::newest;
};

/// For models that are good at JSON, and providers that can enforce it: questions are divided into sections like
/// `ChatAdapter`'s, replies are one JSON object with the outputs in order.
///
/// Structure, order and the rendering of values are those of Python DSPy; the sentences between them are ours.  A reply
/// is read as the first JSON object in it that has an output, then by its markers, tags or labelled lines.
class JsonAdapter final : public Adapter {
 public:
  explicit JsonAdapter(JsonAdapterOptions options = {});

  std::string_view name() const noexcept override;
  std::shared_ptr<const Exchange> prepare(std::shared_ptr<const Signature> signature,
                                          std::span<const Example> demos = {}) const override;

 private:
  std::shared_ptr<const JsonAdapterOptions> options_;
};

}  // namespace dspy
