#pragma once

#include "dspy/agents/callable.hpp"
#include "dspy/agents/tool_outcome.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/violation.hpp"
#include "dspy/lm/tool.hpp"
#include "dspy/signature/type.hpp"

#include <chrono>
#include <concepts>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace dspy {

/// How a tool is run.
struct ToolOptions {
  // Behaviour
  /// Repeating a call does no harm: one that was interrupted by the death of its process is repeated without asking.
  bool idempotent = false;
  /// A person agrees to each call first.
  bool needs_approval = false;
  /// The most that the model sees of a result, in bytes; of a longer one, its beginning and its end.
  std::size_t max_observation = std::size_t{64} * 1024;

  // Performance
  /// After this time the call has failed.  Unset: it may take as long as it likes.
  std::optional<std::chrono::nanoseconds> timeout = {};
  /// Calls of this tool at once, over all agents; others wait for their turn.  0: any number.
  std::size_t max_concurrent = 0;
  /// The function blocks its thread, so it gets one of its own.  Set where a function that is not a coroutine has a
  /// timeout.  A call that is over time is abandoned: its thread ends when the function returns.
  bool blocks = false;
};

/// Something that a model may call: a name, a description, typed arguments, and a function.
///
///     double convert(double amount, std::string from, std::string to);
///
///     dspy::FunctionTool tool("convert", "Converts money at today's rate.", convert, dspy::args("amount", "from",
///     "to"));
///
/// A value; copies share the function and the concurrency limit.  Calls may be concurrent and come from any thread, as
/// far as the function allows.
class FunctionTool {
 public:
  /// Arguments have their types, and are all there, when the function is called.
  using Function = std::function<Async<ToolOutcome>(JsonObject arguments, ToolContext context)>;

  /// From a function: its parameters are the arguments, by `args(…)` in their order, or a single struct whose members
  /// name them.  A last parameter `ToolContext` is not an argument.  It returns anything that a signature's field may
  /// be, nothing, a `ToolOutcome`, a `std::expected` of these and a text for the model, or an `Async` of one.  An
  /// exception becomes a result that the model reads.
  template <class F, std::size_t N>
  FunctionTool(std::string name, std::string description, F function, ArgumentNames<N> names, ToolOptions options = {})
      : FunctionTool(std::move(name), std::move(description), detail::arguments_type<F>(names),
                     detail::erased_function<F>(std::move(function), names), detail::adjusted<F>(options)) {}
  template <class F>
    requires detail::DeducibleFunction<F>
  FunctionTool(std::string name, std::string description, F function, ToolOptions options = {})
      : FunctionTool(std::move(name), std::move(description), std::move(function), args(), options) {}

  /// From the type of the arguments, an object.  Throws `Error` (`invalid_parameter`) for a name that is not 1 to 128
  /// letters, digits, `_`, `-` and `.`, or without a description.
  FunctionTool(std::string name, std::string description, Type arguments, Function function, ToolOptions options = {});
  /// From a JSON Schema (2020-12) of the arguments.  Throws `Error` (`signature_error`) for a schema that cannot be
  /// used, with the place.
  FunctionTool(ToolDefinition definition, Function function, ToolOptions options = {});

  const std::string& name() const noexcept;
  const ToolDefinition& definition() const noexcept;
  const ToolOptions& options() const noexcept;

  FunctionTool renamed(std::string name) const;
  FunctionTool with_options(ToolOptions options) const;

  /// The arguments as the function gets them: JSON in a text is read, leniently as a reply's is; values get the types
  /// that were declared where only one reading is left.  Else what is wrong.
  std::expected<JsonObject, Violations> checked(Json arguments) const;

  /// Checks the arguments, waits for its turn, and calls the function within its timeout.  All that goes wrong with the
  /// tool is an outcome (`is_error`).  Throws `Error` only for the caller's own limits: `cancelled`,
  /// `deadline_exceeded`.
  Async<ToolOutcome> call(Json arguments, ToolContext context = {}) const;
  /// The blocking door.
  ToolOutcome operator()(Json arguments, ToolContext context = {}) const;

 private:
  struct State;

  explicit FunctionTool(std::shared_ptr<const State> state) noexcept : state_(std::move(state)) {}

  std::shared_ptr<const State> state_;
};

}  // namespace dspy
