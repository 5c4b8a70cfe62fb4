// Batching: calls that overlap are computed together.  Nothing special is needed, only calls from several threads (or
// coroutines): the engine takes all that run into one batch a step, and shares what their prompts have in common.
//
// Times go to standard error, since they differ from run to run.

#include <dspy/dspy.hpp>

#include <chrono>
#include <cstdio>
#include <print>
#include <thread>
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

std::vector<std::string> tickets() {
  std::vector<std::string> result;
  for (const auto* item : {"lamp", "tent", "chair", "kettle"}) {
    result.push_back(std::format("My {} arrived broken, I want my money back!", item));
    result.push_back(std::format("I was charged twice for the {}. This is urgent.", item));
    result.push_back(std::format("The package with the {} is late. There is no rush.", item));
    result.push_back(std::format("Do you sell another {}? Take your time.", item));
  }
  return result;
}

struct Result {
  std::vector<std::string> categories{};
  dspy::llama::EngineStats stats{};
  double seconds = 0;
};

Result run(bool at_once, int queue_limit) {
  const auto lm = std::make_shared<dspy::LlamaLM>(
      "models/dspy-tiny.gguf",
      dspy::LlamaOptions{.sampling = {.temperature = 0}, .engine = {.sequences = 16, .queue_limit = queue_limit}});
  const dspy::Predict<Triage> triage({.lm = lm});
  const auto all = tickets();
  Result result{.categories = std::vector<std::string>(all.size())};
  const auto ask = [&](std::size_t i) { result.categories[i] = triage({.ticket = all[i]}).category; };

  const auto start = std::chrono::steady_clock::now();
  if (at_once) {
    std::vector<std::jthread> callers;
    for (std::size_t i = 0; i < all.size(); ++i) callers.emplace_back(ask, i);
  } else {
    for (std::size_t i = 0; i < all.size(); ++i) ask(i);
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.stats = lm->engine().stats();
  return result;
}

}  // namespace

int main() {
  const auto alone = run(false, 100);
  const auto together = run(true, 101);  // other options, so an engine of its own

  for (std::size_t i = 0; i < 4; ++i) std::println("{:<55} {}", tickets()[i], together.categories[i]);
  std::println("…\n\n{} tickets: the same answers one by one and together: {}", together.categories.size(),
               alone.categories == together.categories ? "yes" : "no");
  std::println("together took at most half as many steps: {}",
               2 * together.stats.steps <= alone.stats.steps ? "yes" : "no");
  std::println(stderr, "one by one {:.2f} s, {} steps; together {:.2f} s, {} steps, {} requests at once at most",
               alone.seconds, alone.stats.steps, together.seconds, together.stats.steps, together.stats.most_running);
}
