#include "dspy/programs/program.hpp"

#include <chrono>
#include <utility>

namespace dspy {
namespace {

/// What the program's first traced predictor has, by which the program itself is traced; else an empty one.
CallContext traced_context(const Program& program) {
  CallContext found;
  program.for_each_predictor([&](const std::string&, const Predictor& predictor) {
    const auto* const own = predictor.context();
    if (!found.trace && own != nullptr && own->trace) found = *own;
  });
  return found;
}

}  // namespace

Async<Prediction> Program::run(JsonObject inputs, Run how) const {
  // A copy that counts, as each of its calls only knows its own usage.
  const auto spent = std::make_shared<Budget>(Budget::Limits{});
  const auto around = traced_context(*this);
  const auto& trace = around.trace;
  Span span{
      .kind = Span::Kind::program, .id = trace ? Trace::next_id() : 0, .remote_parent = around.remote_parent.get()};
  const auto counted = with_context(*this, {.budget = spent, .parent_span = span.id});
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
