#pragma once

#include "dspy/lm/call_context.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/server/catalog.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::server {

/// A program that answers as a model does.
///
/// What is asked: `inputs`, if the client gave some (a last user message has to be empty then); else the last user
/// message.  Its text is the value of the one
/// input, if that is a text; a program with several inputs, or one of another type, takes the text of a JSON object
/// with their names.  Earlier turns are history for a program of one predictor, and refused for others.
///
/// What it answers: the text of the one output, if that is a text; else a JSON object of the outputs.  All outputs are
/// in `Completion::data` as well.
///
/// Throws `Error`: `bad_input` for inputs that are not the program's; `unsupported`, with the place in
/// `info().feature`, for what a program cannot honour (tools, a contract, `n`, system messages).
class ProgramLM final : public LM {
 public:
  /// `around` applies to its calls: their spending and their trace.  `on_run`, if set, is called for each.
  explicit ProgramLM(std::shared_ptr<const ServedProgram> program, std::optional<JsonObject> inputs = {},
                     CallContext around = {}, std::function<void()> on_run = {})
      : program_(std::move(program)),
        inputs_(std::move(inputs)),
        around_(std::move(around)),
        on_run_(std::move(on_run)) {}

  std::string_view model() const noexcept override { return program_->name; }
  Async<Reply> complete(Request request) override;
  /// The text of the one output of a program of one predictor comes as it grows; other replies at their end.
  Async<Reply> stream(Request request, EventSink sink) override;

 private:
  std::shared_ptr<const ServedProgram> program_;
  std::optional<JsonObject> inputs_;
  CallContext around_;
  std::function<void()> on_run_;
};

}  // namespace dspy::server
