#include "dspy/programs/program.hpp"

#include "lm/told_span.hpp"

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

/// Makes the calls of `program` that are children of the span `outer` children of `span`, which is within that one.
void set_parent_span(std::uint64_t outer, std::uint64_t span, Program& program) {
  program.for_each_predictor([&](const std::string&, Predictor& predictor) {
    auto context = *predictor.context();
    if (context.parent_span == outer) context.parent_span = span;
    predictor.set_context(context);
  });
}

}  // namespace

Async<Prediction> Program::run(JsonObject inputs, Run how) const {
  // A copy that counts, as each of its calls only knows its own usage.
  const auto spent = std::make_shared<Budget>(Budget::Limits{});
  auto counted = *this;
  const auto around = count_in(spent, counted);
  auto* const trace = around.trace.get();
  const auto shown = trace != nullptr ? inputs : JsonObject();
  ToldSpan span(trace, {.kind = Span::Kind::program,
                        .parent = around.parent_span,
                        .remote_parent = around.parent_span == 0 ? around.remote_parent.get() : nullptr,
                        .inputs = &shown});
  if (trace != nullptr) set_parent_span(around.parent_span, span.id(), counted);
  try {
    auto prediction = co_await counted.program_->run(std::move(inputs), std::move(how));
    prediction.lm_usage = spent->used();
    span.end(&Span::prediction, std::as_const(prediction));
    co_return prediction;
  } catch (...) {
    span.end_failed();
    throw;
  }
}

}  // namespace dspy
