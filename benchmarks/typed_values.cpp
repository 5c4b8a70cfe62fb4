// What the typed edge adds to a call: a struct's members as values, the check of the inputs,
// values as a struct again, and the validation of a large object.

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

/// An object of fifty fields: five objects of ten, of ten different types, most of them with limits.
dspy::Type fifty_fields() {
  const auto part = dspy::Type::parse(
      "Part{name: Annotated[str, Field(min_length=1, max_length=40)], code: Annotated[str, "
      "Field(pattern='^[A-Z]{2}-\\\\d+$')], "
      "count: Annotated[int, Field(ge=0, le=1000)], price: Annotated[float, Field(gt=0)], in_stock: bool, "
      "size: Literal['small', 'medium', 'large'], tags: Annotated[list[str], Field(max_length=5)], "
      "note: Optional[str], made: date, rest: dict[str, int]}");
  return dspy::Type::parse("{a: Part, b: Part, c: Part, d: Part, e: Part}", {{"Part", part}});
}

dspy::Json fifty_values() {
  const dspy::JsonObject part{{"name", "A chair with four legs"},
                              {"code", "CH-1043"},
                              {"count", 12},
                              {"price", 49.5},
                              {"in_stock", true},
                              {"size", "medium"},
                              {"tags", {"wood", "kitchen"}},
                              {"note", nullptr},
                              {"made", "2026-11-21"},
                              {"rest", {{"legs", 4}, {"arms", 0}}}};
  return dspy::JsonObject{{"a", part}, {"b", part}, {"c", part}, {"d", part}, {"e", part}};
}

void validate_fifty_fields(benchmark::State& state) {
  const auto type = fifty_fields();
  auto value = fifty_values();
  for (auto _ : state) {
    auto fitted = dspy::fit(type, std::move(value));
    value = *std::move(fitted);
    benchmark::DoNotOptimize(value);
  }
}
BENCHMARK(validate_fifty_fields);

void name_five_violations(benchmark::State& state) {
  const auto type = fifty_fields();
  auto value = fifty_values();
  for (auto& member : value.as_object()) member.value().as_object()["count"] = -1;
  for (auto _ : state) benchmark::DoNotOptimize(dspy::fit(type, value));
}
BENCHMARK(name_five_violations);

}  // namespace
