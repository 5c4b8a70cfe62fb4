#include "dspy/programs/program.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace dspy {
namespace {

/// Counts what all calls of `program` use in `spent`, whatever they are within.  Returns what the first traced
/// predictor has, by which the program itself is traced; else an empty one.
CallContext count_in(const std::shared_ptr<Budget>& spent, Program& program) {
  CallContext traced;
  std::shared_ptr<Budget> known, both;  // nearly always all predictors have the same
  detail::change_predictors(program, [&](const std::string& path, Predictor& predictor) {
    const auto* const own = predictor.context();
    auto context = own != nullptr ? *own : CallContext{.path = path};
    if (!traced.trace && context.trace) traced = context;
    if (!context.budget) {
      context.budget = spent;
    } else {
      if (context.budget != known) {
        known = context.budget;
        both = std::make_shared<Budget>(spent, known);
      }
      context.budget = both;
    }
    predictor.set_context(context);
  });
  return traced;
}

/// Makes the calls of `program` children of a span, unless they are another's.
void set_parent_span(std::uint64_t span, Program& program) {
  program.for_each_predictor([&](const std::string&, Predictor& predictor) {
    auto context = *predictor.context();
    if (context.parent_span == 0) context.parent_span = span;
    predictor.set_context(context);
  });
}

}  // namespace

Async<Prediction> Program::run(JsonObject inputs, Run how) const {
  // A copy that counts, as each of its calls only knows its own usage.
  const auto spent = std::make_shared<Budget>(Budget::Limits{});
  auto counted = *this;
  const auto around = count_in(spent, counted);
  const auto& trace = around.trace;
  Span span{
      .kind = Span::Kind::program, .id = trace ? Trace::next_id() : 0, .remote_parent = around.remote_parent.get()};
  if (trace) set_parent_span(span.id, counted);
  const auto begun = std::chrono::steady_clock::now();
  JsonObject shown;
  if (trace) {
    shown = inputs;
    span.inputs = &shown;
    span.started_at = std::chrono::system_clock::now();
    trace->begin(span);
  }
  try {
    auto prediction = co_await counted.program_->run(std::move(inputs), std::move(how));
    prediction.lm_usage = spent->used();
    if (trace) {
      span.prediction = &prediction;
      span.time = std::chrono::steady_clock::now() - begun;
      trace->end(span);
    }
    co_return prediction;
  } catch (const Error& error) {
    if (trace) {
      span.error = &error;
      span.time = std::chrono::steady_clock::now() - begun;
      trace->end(span);
    }
    throw;
  }
}

}  // namespace dspy
