// Demonstrations that a program makes itself: BootstrapFewShot runs it on the training examples and keeps the runs that
// the metric calls right, with the answers of all steps.  The labels `maple` and `cedar` mean nothing to the model, so
// that only examples can teach them.

#include <dspy/dspy.hpp>
#include <dspy/optimize/bootstrap_few_shot.hpp>

#include <print>
#include <utility>

int main() {
  // One request at a time, so that the figures are the same in every run.
  const dspy::Predict sorter("ticket -> desk: Literal['maple', 'cedar']",
                             {.lm = dspy::lm("llama:models/dspy-tiny.gguf?temperature=0&reproducible=true")});
  const auto& signature = sorter.signature();
  auto tickets = dspy::read_dataset("examples/tutorial/tickets.jsonl", {.signature = &signature});
  const auto held_out = dspy::read_dataset("examples/tutorial/held_out.jsonl", {.signature = &signature});
  auto [train, val] = dspy::split(std::move(tickets), 0.5, 0);

  const auto right = dspy::metrics::exact_match("desk");
  const dspy::BootstrapFewShot optimizer({.metric = right, .max_bootstrapped_demos = 4, .max_labeled_demos = 8});
  const auto [better, report] = optimizer.compile(sorter, {.trainset = std::move(train), .valset = std::move(val)});

  better.for_each_predictor([](const std::string& path, const dspy::Predictor& predictor) {
    std::println("{} has {} demonstrations, such as {}", path, predictor.demos().size(),
                 dspy::to_text(predictor.demos().front().data));
  });
  const dspy::Evaluate evaluate({.metric = right});
  const auto before = evaluate(sorter, held_out), after = evaluate(better, held_out);
  std::println("held-out tickets that go to the right desk: {}",
               after.score > before.score + 10 ? "many more" : "as many");
  std::println("the original program is as it was: {} demonstrations", sorter.demos().size());
}
