// Token masks over a vocabulary of 151,936 tokens.  `mask_per_token` walks replies of a set of JSON contracts and times
// each mask as an engine meets it, new states and known ones alike; llguidance takes 34 µs on average and 432 µs at the
// 99th percentile for this (its own figures), llama.cpp's grammar 8 to 63 ms.

#include "../tests/support/mask/vocabularies.hpp"
#include "llama/mask/contract.hpp"
#include "llama/mask/matcher.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace dspy;
using namespace dspy::llama::mask;

/// Processor time of this thread, in seconds: what other work on the machine does not blur.
double now() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

const std::vector<std::string>& pieces() {
  static const auto made = test::large_pieces(151'935);
  return made;
}

const std::shared_ptr<const Vocabulary>& vocabulary() {
  static const auto made = test::vocabulary_with_end(pieces());
  return made;
}

const std::vector<const char*> contracts = {
    "q -> answer: str, confidence: float",
    ("q -> category: Literal['billing', 'shipping', 'technical', 'other'], priority: Literal['low', 'medium', 'high'], "
     "sentiment: float, order_id: Optional[str], refund: bool"),
    "q -> names: list[str], ages: list[int], active: list[bool]",
    "q -> scores: dict[str, float], tags: list[Literal['a', 'b', 'c']], note: Optional[str]",
    "q -> reasoning: str, steps: list[str], result: int",
};

OutputContract contract_of(const char* notation, OutputContract::Form form) {
  return {.form = form, .signature = std::make_shared<const Signature>(Signature::parse(notation))};
}

std::shared_ptr<Constraint> compiled(const char* notation, OutputContract::Form form = OutputContract::Form::json) {
  auto grammar = compile(contract_of(notation, form));
  return std::make_shared<Constraint>(std::move(grammar.pool), grammar.start, vocabulary());
}

/// A likely token: short ones come more often, so that replies come to an end.
Token pick(const Mask& mask, std::mt19937_64& random) {
  std::vector<Token> allowed(mask.tokens().begin(), mask.tokens().end());
  for (std::size_t word = 0; word < mask.bits().size(); ++word) {
    for (auto bits = mask.bits()[word]; bits != 0; bits &= bits - 1)
      allowed.push_back(static_cast<Token>(word * 64 + static_cast<std::size_t>(__builtin_ctzll(bits))));
  }
  const auto quote = std::ranges::find_if(allowed, [](Token token) {
    const auto piece = vocabulary()->piece(token);
    return piece == "\"" || piece == "]" || piece == "}" || piece == "\"]" || piece == "\n";
  });
  if (quote != allowed.end() && random() % 6 == 0) return *quote;
  return allowed[random() % allowed.size()];
}

void trie(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    auto copy = pieces();
    state.ResumeTiming();
    benchmark::DoNotOptimize(Vocabulary(std::move(copy), {}));
  }
  std::size_t nodes = 0;
  vocabulary()->for_each_trie([&](const Trie& part) { nodes += part.nodes().size(); });
  state.counters["nodes"] = static_cast<double>(nodes);
}
BENCHMARK(trie)->Unit(benchmark::kMillisecond);

void compile_contract(benchmark::State& state) {
  const auto form = static_cast<OutputContract::Form>(state.range(0));
  for (auto _ : state) {
    for (const auto* notation : contracts) benchmark::DoNotOptimize(compile(contract_of(notation, form)));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(contracts.size()));
}
BENCHMARK(compile_contract)
    ->ArgName("form")
    ->Arg(static_cast<int>(OutputContract::Form::fields))
    ->Arg(static_cast<int>(OutputContract::Form::markers))
    ->Arg(static_cast<int>(OutputContract::Form::json))
    ->Unit(benchmark::kMicrosecond);

/// What one step of an engine waits for: a mask, or a forced run.
void mask_per_token(benchmark::State& state) {
  const auto form = static_cast<OutputContract::Form>(state.range(0));
  std::vector<double> times;
  std::size_t forced = 0;
  std::uint64_t seed = 0;
  for (auto _ : state) {
    for (const auto* notation : contracts) {
      Matcher matcher(compiled(notation, form));
      std::mt19937_64 random(++seed);
      for (int step = 0; step < 120 && !matcher.finished(); ++step) {
        const auto start = now();
        const auto run = matcher.forced();
        if (!run->empty()) {
          for (const auto token : *run) matcher.accept(token);
          forced += run->size();
          times.push_back((now() - start) * 1e6);
          continue;
        }
        const auto mask = matcher.allowed();
        times.push_back((now() - start) * 1e6);
        matcher.accept(pick(*mask, random));
      }
    }
  }
  std::ranges::sort(times);
  double sum = 0;
  for (const auto time : times) sum += time;
  const auto count = static_cast<double>(times.size());
  state.counters["mean_us"] = sum / (count + static_cast<double>(forced));
  state.counters["p50_us"] = times[times.size() / 2];
  state.counters["p99_us"] = times[times.size() * 99 / 100];
  state.counters["forced"] = static_cast<double>(forced) / (count + static_cast<double>(forced));
}
BENCHMARK(mask_per_token)
    ->ArgName("form")
    ->Arg(static_cast<int>(OutputContract::Form::fields))
    ->Arg(static_cast<int>(OutputContract::Form::markers))
    ->Arg(static_cast<int>(OutputContract::Form::json))
    ->Iterations(20)
    ->Unit(benchmark::kMillisecond);

/// Times what `work` does to a constraint that was just made.
template <class Make, class Work>
void time_fresh(benchmark::State& state, Make make, Work work) {
  for (auto _ : state) {
    const std::shared_ptr<Constraint> constraint = make();
    const auto start = now();
    work(*constraint);
    state.SetIterationTime(now() - start);
  }
}

/// A state that allows few tokens, met for the first time, in an automaton that is made on the way, or was met before.
void tight_state(benchmark::State& state) {
  const bool known = state.range(0) != 0;
  const std::vector<std::string> choices = {"billing", "shipping", "technical", "other", "refund"};
  const auto make = [&] {
    auto grammar = compile_choices(choices);
    auto constraint = std::make_shared<Constraint>(std::move(grammar.pool), grammar.start, vocabulary());
    for (const auto& choice : choices) {
      for (std::size_t length = 0; known && length < choice.size(); ++length) {
        const auto at = constraint->advance(constraint->start(), choice.substr(0, length));
        for (unsigned byte = 0; byte < 256; ++byte) {
          const auto next = static_cast<char>(byte);
          constraint->advance(at, {&next, 1});
        }
      }
    }
    return constraint;
  };
  time_fresh(state, make,
             [](Constraint& constraint) { benchmark::DoNotOptimize(constraint.mask(constraint.start())); });
}
BENCHMARK(tight_state)->ArgName("known_automaton")->Arg(0)->Arg(1)->UseManualTime()->Unit(benchmark::kMicrosecond);

/// Every mask that a reply of fixed shape can meet, one after the other: 90 states and more.
void all_masks(benchmark::State& state) {
  const std::string reply =
      "{\n  \"category\": \"technical\",\n  \"priority\": \"medium\",\n  \"sentiment\": -0.25,\n  \"order_id\": "
      "\"A\\u0001\xE2\x82\xAC\",\n  \"refund\": true\n}";
  const auto make = [] { return compiled(contracts[1]); };
  time_fresh(state, make, [&](Constraint& constraint) {
    auto at = constraint.start();
    benchmark::DoNotOptimize(constraint.mask(at));
    for (const char byte : reply) {
      at = constraint.advance(at, {&byte, 1});
      benchmark::DoNotOptimize(constraint.mask(at));
    }
  });
  state.counters["masks"] = static_cast<double>(reply.size() + 1);
}
BENCHMARK(all_masks)->UseManualTime()->Unit(benchmark::kMillisecond);

/// A state within a string, met for the first time, and known.
void string_state(benchmark::State& state) {
  const auto make = [] { return compiled(contracts[0]); };
  time_fresh(state, make, [](Constraint& constraint) {
    benchmark::DoNotOptimize(constraint.mask(constraint.advance(constraint.start(), "{\n  \"answer\": \"A")));
  });
}
BENCHMARK(string_state)->UseManualTime()->Unit(benchmark::kMicrosecond);

void known_state(benchmark::State& state) {
  const auto constraint = compiled(contracts[0]);
  const auto at = constraint->advance(constraint->start(), "{\n  \"answer\": \"A");
  for (auto _ : state) benchmark::DoNotOptimize(constraint->mask(at));
}
BENCHMARK(known_state);

}  // namespace
