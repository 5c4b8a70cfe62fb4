// A signature from its text, which Python DSPy does in 523 to 729 µs.

#include "dspy/signature/signature.hpp"

#include <benchmark/benchmark.h>

namespace {

void one_field(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(dspy::Signature::parse("question -> answer: float"));
}
BENCHMARK(one_field);

void ten_fields(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(dspy::Signature::parse(
        "ticket, customer_id: int, history: list[str], locale: Optional[str], attributes: dict[str, str] -> "
        "category: Literal['billing', 'shipping', 'technical'], priority: Literal['low', 'medium', 'high'], "
        "sentiment: float, order_id: Optional[str], refund_requested: bool"));
  }
}
BENCHMARK(ten_fields);

}  // namespace
