#include "dspy/optimize/kernel/backend.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/modules/configure.hpp"
#include "dspy/modules/predictor.hpp"
#include "optimize/kernel/fault.hpp"
#include "optimize/kernel/run_rollout.hpp"
#include "optimize/kernel/step_trace.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <format>
#include <memory>
#include <string>
#include <utility>

namespace dspy::optimize {
namespace {

/// A seed made from the name of the work, for requests that have none.
std::uint64_t seed_of(const std::string& key) {
  std::uint64_t seed = 0;
  std::from_chars(key.data(), key.data() + std::min<std::size_t>(8, key.size()), seed, 16);
  return seed >> 1;  // some providers take 31 bits
}

/// A copy whose calls are recorded.
Program watched(const RolloutRequest& request, const std::shared_ptr<Book>& book, const std::shared_ptr<Scope>& scope,
                const std::shared_ptr<Trace>& trace) {
  auto program = *request.program;
  program.for_each_predictor([&](const std::string& path, Predictor& predictor) {
    predictor.set_lm(recorded(predictor, book, scope));
    predictor.set_sampling(sampling_of(predictor, request.draw, request.seeds_requests, scope->name));
    const auto* const own = predictor.context();
    predictor.set_context(merged({.trace = trace}, own != nullptr ? *own : CallContext{.path = path}));
  });
  return program;
}

}  // namespace

std::shared_ptr<LM> recorded(const Predictor& predictor, const std::shared_ptr<Book>& book,
                             const std::shared_ptr<Scope>& scope) {
  auto lm = predictor.lm() ? predictor.lm() : settings().lm;
  if (!lm) return nullptr;  // the call says what is missing
  return std::make_shared<RecordedLM>(std::move(lm), book, scope);
}

Sampling sampling_of(const Predictor& predictor, Draw draw, bool is_seeded, const std::string& key) {
  auto sampling = predictor.sampling();
  if (draw.number > 0) {
    sampling.temperature = draw.temperature;
    sampling.seed = draw.number;
  } else if (is_seeded && !sampling.seed) {
    sampling.seed = seed_of(key);
  }
  return sampling;
}

Async<Rollout> run_rollout(RolloutRequest request, std::shared_ptr<Book> book) {
  const auto scope = std::make_shared<Scope>();
  scope->name = request.key;
  const auto trace = std::make_shared<StepTrace>();
  const auto copy = watched(request, book, scope, trace);
  Rollout rollout;
  const auto started = std::chrono::steady_clock::now();
  try {
    rollout.prediction = co_await copy.run(std::move(request.inputs), {});
  } catch (const Error& error) {
    if (is_infrastructure(error.code())) throw;
    rollout.failure = std::format("{}: {}", to_string(error.code()), error.what());
  } catch (const std::exception& error) {
    rollout.failure = error.what();
  }
  rollout.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  rollout.usage = scope->usage;
  rollout.prediction.lm_usage = scope->usage;
  trace->move_into(rollout);
  co_return rollout;
}

Async<Rollout> run_alone(RolloutRequest request) {
  const auto book = std::make_shared<Book>();
  book->ledger = std::make_shared<Ledger>();
  book->attempts = 12;
  book->retry_delay = std::chrono::milliseconds(50);
  return run_rollout(std::move(request), book);
}

}  // namespace dspy::optimize
