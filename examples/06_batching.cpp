// Batching: concurrent calls are computed together.  `batch` makes many at once, and calls from
// several threads or coroutines work just as well: the engine puts all active calls into one step,
// and shares their common prompt prefixes.
//
// Times are printed to standard error, since they differ from run to run.

#include <dspy/dspy.hpp>

#include <chrono>
#include <cstdio>
#include <print>
#include <vector>

namespace {

struct Triage {
  static constexpr auto instructions = "Sort the support ticket.";
  struct Input {
    std::string ticket;
  };
  struct Output {
    std::string category;
    std::string priority;
    bool refund_requested;
  };
};

std::vector<Triage::Input> tickets() {
  std::vector<Triage::Input> result;
  for (const auto* item : {"lamp", "tent", "chair", "kettle"}) {
    result.push_back({std::format("My {} arrived broken, I want my money back!", item)});
    result.push_back({std::format("I was charged twice for the {}. This is urgent.", item)});
    result.push_back({std::format("The package with the {} is late. There is no rush.", item)});
    result.push_back({std::format("Do you sell another {}? Take your time.", item)});
  }
  return result;
}

struct Result {
  std::vector<std::string> categories{};
  dspy::llama::EngineStats stats{};
  double seconds = 0;
};

Result run(std::size_t at_once, int queue_limit) {
  const auto lm = std::make_shared<dspy::LlamaLM>(
      "models/dspy-tiny.gguf",
      dspy::LlamaOptions{.sampling = {.temperature = 0}, .engine = {.sequences = 16, .queue_limit = queue_limit}});
  const dspy::Predict<Triage> triage({.lm = lm});
  Result result;

  const auto start = std::chrono::steady_clock::now();
  const auto answers = triage.batch(tickets(), {.concurrency = at_once});
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  for (const auto& answer : answers) result.categories.push_back(answer.value().category);
  result.stats = lm->engine().stats();
  return result;
}

}  // namespace

int main() {
  const auto alone = run(1, 100);
  const auto together = run(16, 101);  // other options, so a separate engine

  for (std::size_t i = 0; i < 4; ++i) std::println("{:<55} {}", tickets()[i].ticket, together.categories[i]);
  std::println("…\n\n{} tickets: the same answers one by one and together: {}", together.categories.size(),
               alone.categories == together.categories ? "yes" : "no");
  std::println("together took at most half as many steps: {}",
               2 * together.stats.steps <= alone.stats.steps ? "yes" : "no");
  std::println(stderr, "one by one {:.2f} s, {} steps; together {:.2f} s, {} steps, {} requests at once at most",
               alone.seconds, alone.stats.steps, together.seconds, together.stats.steps, together.stats.most_running);
}
