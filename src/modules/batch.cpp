#include "dspy/modules/batch.hpp"

#include "dspy/base/concurrent.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/prefix_order.hpp"
#include "modules/ready_call.hpp"

#include <exception>
#include <format>
#include <numeric>
#include <utility>

namespace dspy {
namespace {

using Outcome = std::expected<Prediction, Error>;

}  // namespace

/// A batch under way.
struct Batch {
  std::vector<BatchCall> calls;
  const BatchOptions& options;
  std::vector<std::expected<Predictor::Ready, Error>> ready =
      {};  ///< Inputs that cannot be rendered fail in their turn.
  std::vector<std::size_t> order = {};
  std::size_t most_errors = options.max_errors.value_or(calls.size() + 1);
  std::vector<Outcome> outcomes = std::vector<Outcome>(calls.size());
  std::size_t errors = 0;
  std::size_t done = 0;

  Batch(std::vector<BatchCall> given, const BatchOptions& with) : calls(std::move(given)), options(with) {
    ready.reserve(calls.size());
    for (auto& [predictor, inputs] : calls)
      ready.push_back(attempt([&] { return predictor.ready(std::move(inputs)); }));
    order.resize(calls.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (options.orders_by_prompt) sort();
  }

  void sort() {
    std::vector<Chat> prompts(calls.size());
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (!ready[i]) continue;
      auto prompt = attempt([&] { return ready[i]->exchange->format(ready[i]->inputs, options.call.history.turns); });
      if (prompt)
        prompts[i] = *std::move(prompt);
      else
        ready[i] = std::unexpected(std::move(prompt).error());
    }
    order = prefix_order(prompts);
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (ready[i]) ready[i]->prompt = std::move(prompts[i]);
    }
  }

  Async<Outcome> call(std::size_t number) {
    auto& each = ready[number];
    if (!each) co_return std::unexpected(each.error());
    try {
      Prediction prediction;
      co_await calls[number].predictor.run_into(*std::move(each), options.call, nullptr, prediction);
      co_return prediction;
    } catch (const Error& error) {
      co_return std::unexpected(error);
    } catch (const std::exception& error) {
      co_return std::unexpected(Error(Errc::inference_failed, error.what()));
    }
  }

  Async<void> make_call(std::size_t turn) {
    auto& outcome = outcomes[order[turn]];
    if (options.call.stop.stop_requested()) {
      outcome = std::unexpected(Error(Errc::cancelled, "the batch was stopped before this call began"));
    } else if (errors >= most_errors) {
      outcome = std::unexpected(Error(
          Errc::cancelled, std::format("this call was not made: {} others failed before (max_errors)", most_errors)));
    } else {
      outcome = co_await call(order[turn]);
      if (!outcome) ++errors;
    }
    ++done;
    if (options.progress) options.progress(done, calls.size());
  }
};

Async<std::vector<Outcome>> abatch(std::vector<BatchCall> calls, BatchOptions options) {
  if (options.concurrency == 0)
    throw Error(Errc::invalid_parameter, "a batch of concurrency 0 would never begin; allow at least 1 call at a time");
  Batch batch(std::move(calls), options);
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
