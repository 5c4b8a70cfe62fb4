#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/lm/lm.hpp"

#include <memory>
#include <string>

namespace dspy {

/// The sentences of a `TwoStepAdapter`'s prompts.  Replace any of them; one that is empty is left out.
struct TwoStepTexts {
  std::string inputs = "Inputs:";
  std::string outputs = "Outputs:";
  std::string task = "Task:";
  std::string request = "Think it through, then give every output in plain words.";
  /// The instructions of the second step.
  std::string extraction = "Extract the outputs from the text. Copy values as they are; add nothing.";

  bool operator==(const TwoStepTexts&) const = default;
};

struct TwoStepAdapterOptions {
  /// Takes the outputs from the first reply: a small model will do.  Null: the LM of the call.
  std::shared_ptr<LM> extraction_lm = {};
  /// How the second step is asked.  Null: `ChatAdapter`.  No adapter that asks twice itself.
  std::shared_ptr<const Adapter> extraction = {};
  TwoStepTexts texts = {};
};

/// For models that reason better without a required format: a first request is answered in free text, and a second one
/// extracts the outputs from it.
///
/// The first prompt lists inputs and outputs, gives the instructions, and contains demonstrations and question as
/// `Label: value` lines.  The second one is written by another adapter, for the signature `text -> outputs`; `parse`
/// reads its reply, and only its fields are streamed.  The prediction keeps the first reply as its `draft`, and counts
/// both requests.
class TwoStepAdapter final : public Adapter {
 public:
  /// Throws `Error` (`config_error`) if the extraction asks twice as well.
  explicit TwoStepAdapter(TwoStepAdapterOptions options = {});

  std::string_view name() const noexcept override { return "two_step"; }
  std::shared_ptr<const Exchange> prepare(std::shared_ptr<const Signature> signature,
                                          std::span<const Example> demos = {}) const override;

 private:
  std::shared_ptr<const TwoStepAdapterOptions> options_;
};

}  // namespace dspy
