#include "dspy/modules/batch.hpp"

#include "dspy/base/concurrent.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/prefix_order.hpp"

#include <atomic>
#include <exception>
#include <format>
#include <numeric>
#include <utility>

namespace dspy {
namespace {

using Outcome = std::expected<Prediction, Error>;

/// In which order to make the calls.
std::vector<std::size_t> order_of(const std::vector<BatchCall>& calls, const BatchOptions& options) {
  if (!options.orders_by_prompt) {
    std::vector<std::size_t> order(calls.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    return order;
  }
  std::vector<Chat> prompts;
  prompts.reserve(calls.size());
  for (const auto& [predictor, inputs] : calls) {
    // Inputs that cannot be rendered fail when they are called.
    auto prompt = attempt([&] { return predictor.render(inputs, options.call); });
    prompts.push_back(prompt ? *std::move(prompt) : Chat());
  }
  return prefix_order(prompts);
}

Async<Outcome> outcome_of(BatchCall& call, const CallOptions& options) {
  try {
    co_return co_await call.predictor.acall(std::move(call.inputs), options);
  } catch (const Error& error) {
    co_return std::unexpected(error);
  } catch (const std::exception& error) {
    co_return std::unexpected(Error(Errc::inference_failed, error.what()));
  }
}

/// A batch under way.
struct Batch {
  std::vector<BatchCall> calls;
  const BatchOptions& options;
  std::vector<std::size_t> order = order_of(calls, options);
  std::size_t most_errors = options.max_errors.value_or(calls.size() + 1);
  std::vector<Outcome> outcomes = std::vector<Outcome>(calls.size());
  std::atomic<std::size_t> errors = 0;
  std::atomic<std::size_t> done = 0;

  Async<void> make_call(std::size_t turn) {
    auto& outcome = outcomes[order[turn]];
    if (options.call.stop.stop_requested()) {
      outcome = std::unexpected(Error(Errc::cancelled, "the batch was stopped before this call began"));
    } else if (errors.load() >= most_errors) {
      outcome = std::unexpected(Error(
          Errc::cancelled, std::format("this call was not made: {} others failed before (max_errors)", most_errors)));
    } else {
      outcome = co_await outcome_of(calls[order[turn]], options.call);
      if (!outcome) errors.fetch_add(1);
    }
    const auto ended = done.fetch_add(1) + 1;
    if (options.progress) options.progress(ended, calls.size());
  }
};

}  // namespace

Async<std::vector<Outcome>> abatch(std::vector<BatchCall> calls, BatchOptions options) {
  if (options.concurrency == 0)
    throw Error(Errc::invalid_parameter, "a batch of concurrency 0 would never begin; allow at least 1 call at a time");
  Batch batch{.calls = std::move(calls), .options = options};
  co_await run_concurrently(batch.calls.size(), options.concurrency,
                            [&batch](std::size_t turn) { return batch.make_call(turn); });
  co_return std::move(batch.outcomes);
}

std::vector<Outcome> batch(std::vector<BatchCall> calls, const BatchOptions& options) {
  return wait(abatch(std::move(calls), options));
}

std::vector<Outcome> Predictor::batch(std::vector<JsonObject> inputs, const BatchOptions& options) const {
  std::vector<BatchCall> calls;
  calls.reserve(inputs.size());
  for (auto& each : inputs) calls.push_back({.predictor = *this, .inputs = std::move(each)});
  return dspy::batch(std::move(calls), options);
}

}  // namespace dspy
