// What the typed edge adds to a call: a struct's members as values, the check of the inputs,
// and values as a struct again.

#include "dspy/signature/reflect.hpp"

#include <benchmark/benchmark.h>

namespace {

struct Triage {
  enum class Priority { low, medium, high };
  struct Input {
    std::string ticket;
    std::string customer;
  };
  struct Output {
    std::string category;
    Priority priority = Priority::low;
    bool refund_requested = false;
    double confidence = 0;
    std::optional<std::string> order_id;
  };
};

const Triage::Input input{.ticket = "My order arrived broken, I want my money back!", .customer = "A-1043"};

void input_to_values(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(dspy::to_values(input));
}
BENCHMARK(input_to_values);

void check_two_inputs(benchmark::State& state) {
  const auto& signature = dspy::signature_of<Triage>();
  auto values = dspy::to_values(input);
  for (auto _ : state) {
    values = dspy::checked_inputs(signature, std::move(values));
    benchmark::DoNotOptimize(values);
  }
}
BENCHMARK(check_two_inputs);

void values_to_output(benchmark::State& state) {
  const dspy::JsonObject values{{"category", "refund"},
                                {"priority", "high"},
                                {"refund_requested", true},
                                {"confidence", 0.75},
                                {"order_id", "A-1043"}};
  for (auto _ : state) benchmark::DoNotOptimize(dspy::from_values<Triage::Output>(values));
}
BENCHMARK(values_to_output);

}  // namespace
