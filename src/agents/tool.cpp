#include "dspy/agents/tool.hpp"

#include "agents/tools/arguments.hpp"
#include "agents/tools/gate.hpp"
#include "agents/tools/timed_call.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/signature/json_schema.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <format>
#include <utility>

namespace dspy {
namespace {

constexpr std::size_t longest_name = 128;

bool is_name(std::string_view text) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  return !text.empty() && text.size() <= longest_name && std::ranges::all_of(text, is_allowed);
}

void validate(const ToolDefinition& definition, const ToolOptions& options) {
  if (!is_name(definition.name)) {
    throw Error(Errc::invalid_parameter,
                std::format("`{}` is not a name for a tool; use 1 to {} letters, digits, `_`, `-` and `.`",
                            definition.name, longest_name));
  }
  if (text::trim(definition.description).empty()) {
    throw Error(
        Errc::invalid_parameter,
        std::format(
            "the tool `{}` has no description; say in one sentence what it does, since models choose tools by it",
            definition.name));
  }
  if (options.timeout && *options.timeout <= std::chrono::nanoseconds(0))
    throw Error(Errc::invalid_parameter, std::format("the timeout of the tool `{}` must be above 0", definition.name));
  if (options.max_observation < 64)
    throw Error(Errc::invalid_parameter,
                std::format("`max_observation` of the tool `{}` must be at least 64 bytes", definition.name));
}

/// Whether an error is the caller's own limit, and not something the model should read.
bool is_callers(const Error& error, const CallContext& context) {
  if (error.code() == Errc::cancelled) return context.stop.stop_requested();
  return error.code() == Errc::deadline_exceeded && context.deadline &&
         std::chrono::steady_clock::now() >= *context.deadline;
}

std::string seconds(std::chrono::nanoseconds time) {
  return std::format("{:g} s", std::chrono::duration<double>(time).count());
}

}  // namespace

struct FunctionTool::State {
  ToolDefinition definition;
  ToolOptions options;
  Function function;
  std::shared_ptr<const ToolArguments> arguments;
  std::shared_ptr<Places> gate;  ///< Null: no limit.

  static Async<ToolOutcome> call(std::shared_ptr<const State> self, Json given, ToolContext context);
  static Async<ToolOutcome> run(std::shared_ptr<const State> self, JsonObject arguments, ToolContext context);
};

namespace {

std::shared_ptr<Places> gate_for(const ToolOptions& options) {
  return options.max_concurrent == 0 ? nullptr : std::make_shared<Places>(options.max_concurrent);
}

}  // namespace

FunctionTool::FunctionTool(std::string name, std::string description, Type arguments, Function function,
                           ToolOptions options) {
  auto exported = to_json_schema(arguments);
  ToolDefinition definition{
      .name = std::move(name), .description = std::move(description), .parameters = std::move(exported.schema)};
  validate(definition, options);
  if (!function) throw Error(Errc::invalid_parameter, std::format("the tool `{}` has no function", definition.name));
  auto checks = std::make_shared<const ToolArguments>(std::move(arguments));
  state_ = std::make_shared<const State>(std::move(definition), options, std::move(function), std::move(checks),
                                         gate_for(options));
}

FunctionTool::FunctionTool(ToolDefinition definition, Function function, ToolOptions options) {
  validate(definition, options);
  if (!function) throw Error(Errc::invalid_parameter, std::format("the tool `{}` has no function", definition.name));
  if (definition.parameters.empty()) definition.parameters = {{"type", "object"}, {"properties", JsonObject()}};
  try {
    auto checks = std::make_shared<const ToolArguments>(definition.parameters);
    state_ = std::make_shared<const State>(std::move(definition), options, std::move(function), std::move(checks),
                                           gate_for(options));
  } catch (const Error& error) {
    throw Error(error.code(), std::format("the tool `{}`: {}", definition.name, error.what()), error.info());
  }
}

const std::string& FunctionTool::name() const noexcept {
  return state_->definition.name;
}

const ToolDefinition& FunctionTool::definition() const noexcept {
  return state_->definition;
}

const ToolOptions& FunctionTool::options() const noexcept {
  return state_->options;
}

FunctionTool FunctionTool::renamed(std::string name) const {
  auto changed = *state_;
  changed.definition.name = std::move(name);
  validate(changed.definition, changed.options);
  return FunctionTool(std::make_shared<const State>(std::move(changed)));
}

FunctionTool FunctionTool::with_options(ToolOptions options) const {
  auto changed = *state_;
  if (options.max_concurrent != changed.options.max_concurrent) changed.gate = gate_for(options);
  changed.options = options;
  validate(changed.definition, changed.options);
  return FunctionTool(std::make_shared<const State>(std::move(changed)));
}

std::expected<JsonObject, Violations> FunctionTool::checked(Json arguments) const {
  return state_->arguments->checked(std::move(arguments));
}

Async<ToolOutcome> FunctionTool::State::run(std::shared_ptr<const State> self, JsonObject arguments,
                                            ToolContext context) {
  const auto& options = self->options;
  if (!options.timeout && !options.blocks && !context.call.deadline && !context.call.stop.stop_possible())
    co_return co_await self->function(std::move(arguments), std::move(context));
  const auto now = std::chrono::steady_clock::now();
  auto until = context.call.deadline;
  if (options.timeout && (!until || now + *options.timeout < *until)) until = now + *options.timeout;
  const auto deadline = context.call.deadline;
  const auto stop = context.call.stop;
  if (until) context.call.deadline = until;
  std::optional<ToolOutcome> outcome;
  if (options.blocks) {
    outcome = co_await run_on_own_thread([self, arguments = std::move(arguments),
                                          context = std::move(context)] { return self->function(arguments, context); },
                                         until, stop);
  } else {
    outcome = co_await run_until_time(self->function(std::move(arguments), std::move(context)), until, stop);
  }
  if (outcome) co_return *std::move(outcome);
  if (stop.stop_requested())
    throw Error(Errc::cancelled,
                std::format("the caller asked to stop while the tool `{}` ran", self->definition.name));
  if (deadline && std::chrono::steady_clock::now() >= *deadline)
    throw Error(Errc::deadline_exceeded,
                std::format("the deadline passed while the tool `{}` ran", self->definition.name));
  co_return ToolOutcome::error(std::format("`{}` did not end within {}{}", self->definition.name,
                                           seconds(options.timeout.value_or(until.value_or(now) - now)),
                                           options.blocks ? "; it may still take effect" : ""));
}

Async<ToolOutcome> FunctionTool::State::call(std::shared_ptr<const State> self, Json given, ToolContext context) {
  auto arguments = self->arguments->checked(std::move(given));
  if (!arguments) {
    co_return ToolOutcome::error(std::format("`{}` was not called, since its arguments are wrong: {}. It takes {}.",
                                             self->definition.name, to_sentence(arguments.error(), "the whole"),
                                             self->arguments->words()));
  }
  std::shared_ptr<void> place;
  if (self->gate) place = co_await Places::enter(self->gate, context.call);
  const auto limits = context.call;
  try {
    co_return capped(co_await run(self, *std::move(arguments), std::move(context)), self->options.max_observation);
  } catch (const Error& error) {
    if (is_callers(error, limits)) throw;
    co_return capped(ToolOutcome::error(std::format("`{}` failed: {}", self->definition.name, error.what())),
                     self->options.max_observation);
  } catch (const std::exception& error) {
    co_return capped(ToolOutcome::error(std::format("`{}` failed: {}", self->definition.name, error.what())),
                     self->options.max_observation);
  } catch (...) {
    co_return ToolOutcome::error(std::format("`{}` failed without a message", self->definition.name));
  }
}

Async<ToolOutcome> FunctionTool::call(Json arguments, ToolContext context) const {
  return State::call(state_, std::move(arguments), std::move(context));
}

ToolOutcome FunctionTool::operator()(Json arguments, ToolContext context) const {
  return wait(call(std::move(arguments), std::move(context)));
}

}  // namespace dspy
