// The program behind `./dev demo`: the library's main features with the embedded model, in one
// process.

#include <dspy/dspy.hpp>
#include <dspy/optimize/bootstrap_few_shot.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <print>
#include <string>
#include <utility>
#include <vector>

namespace {

struct Triage {
  static constexpr auto instructions = "Sort the support ticket.";
  enum class Priority { low, medium, high };
  struct Input {
    std::string ticket;
  };
  struct Output {
    std::string category;
    Priority priority;
    bool refund_requested;
  };
};

std::string_view name(Triage::Priority priority) {
  switch (priority) {
    case Triage::Priority::low: return "low";
    case Triage::Priority::medium: return "medium";
    case Triage::Priority::high: return "high";
  }
  return "?";
}

void typed_triage() {
  std::println("1. Typed triage: a struct in, a struct out\n");
  std::println("   {:<66} {:<10} {:<9} {:<7} {:>6}", "ticket", "category", "priority", "refund", "tokens");

  const dspy::Predict<Triage> triage;
  dspy::Usage total;
  for (const auto* ticket : {
           "My order A-1043 arrived broken, I want my money back!",
           "I was charged twice for the lamp. This is urgent.",
           "The package with the tent is late. There is no rush.",
           "I cannot log in to my account. Please help as soon as possible.",
           "Do you have a store near me? Take your time.",
       }) {
    const auto out = triage({.ticket = ticket});
    std::println("   {:<66} {:<10} {:<9} {:<7} {:>6}", ticket, out.category, name(out.priority),
                 out.refund_requested ? "yes" : "no", out.usage().total_tokens().value_or(0));
    total += out.usage();
  }
  std::println("\n   {} calls: {} prompt tokens ({} of them from the KV cache), {} written", total.requests,
               *total.prompt_tokens, *total.cache_read_tokens, *total.completion_tokens);
}

void streamed_answer() {
  std::println("\n2. A streamed answer: the field's text as it is written\n");
  const dspy::Predict ask(dspy::Signature::parse("context, question -> answer",
                                                 "Answer the question from the context. Answer with a full sentence."));

  std::print("   ");
  ask.stream({{"context", "Mara lives in Oslo. Tom works as a baker. Mara has a cat."},
              {"question", "What is the job of Tom?"}},
             [](const dspy::FieldEvent& event) {
               std::print("{}{}", event.text, event.done ? "\n" : "|");
               std::fflush(stdout);
             });
}

void thinking_first() {
  std::println("\n3. Answering directly, and thinking first\n");
  const dspy::Predict direct("question -> answer: int");
  const dspy::ChainOfThought reasoned("question -> answer: int");

  for (const auto* question : {
           "Rosa has 4 bags with 6 coins in each and buys 7 more coins. How many coins does Rosa have?",
           "Paul has 5 boxes of 8 eggs. Paul gives 9 eggs to Ana. How many eggs are left?",
       }) {
    const dspy::JsonObject input{{"question", question}};
    const auto thought = reasoned(input);
    std::println("   {}", question);
    std::println("     directly:       {}", dspy::to_text(direct(input).at("answer")));
    std::println("     thinking first: {}   ({})", dspy::to_text(thought.at("answer")),
                 dspy::view(thought.at("reasoning").as_string()));
  }
}

/// Which desk a ticket belongs to; the desks' names give no hint.  `held_out` are tickets that the
/// search has not seen.
void optimized() {
  std::println("\n4. A program before and after it was optimized\n");
  // One request at a time, so the figures below are the same in every run.
  const dspy::Predict sorter("ticket -> desk: Literal['maple', 'cedar']",
                             {.lm = dspy::lm("llama:models/dspy-tiny.gguf?temperature=0&reproducible=true")});
  const auto& signature = sorter.signature();
  auto train = dspy::read_dataset("examples/tutorial/tickets.jsonl", {.signature = &signature});
  const auto held_out = dspy::read_dataset("examples/tutorial/held_out.jsonl", {.signature = &signature});
  auto [val, rest] = dspy::split(std::move(train), 0.5, 0);

  const auto right = dspy::metrics::exact_match("desk");
  const dspy::BootstrapFewShotWithRandomSearch search(
      {.metric = right, .max_bootstrapped_demos = 4, .max_labeled_demos = 8, .num_candidate_programs = 8});
  const auto [better, report] = search.compile(sorter, {.trainset = std::move(rest), .valset = std::move(val)});

  const auto before = dspy::Evaluate({.metric = right})(sorter, held_out);
  const auto after = dspy::Evaluate({.metric = right})(better, held_out);
  std::println("   {:<58} {:<8} {:<8} {:<8}", "ticket (held out)", "desk", "before", "after");
  for (std::size_t i = 0; i < 4; ++i) {
    const auto answer = [&](const dspy::EvaluationResult& result) {
      const auto* const value = result.rows[i].prediction.get("desk");
      return value == nullptr ? std::string("-") : std::string(dspy::view(value->as_string()));
    };
    std::println("   {:<58} {:<8} {:<8} {:<8}", dspy::view(held_out[i].get("ticket")->as_string()),
                 dspy::view(held_out[i].get("desk")->as_string()), answer(before), answer(after));
  }
  std::println("\n   right on {} held-out tickets: {:.0f} % before, {:.0f} % after {} candidates", held_out.size(),
               before.score, after.score, report.candidates.size());
}

}  // namespace

int main() {
  const auto start = std::chrono::steady_clock::now();
  dspy::configure({.lm = dspy::lm("llama:models/dspy-tiny.gguf?temperature=0")});

  typed_triage();
  streamed_answer();
  thinking_first();
  optimized();

  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  std::println(stderr, "\n(All of it, model loading included: {:.0f} ms in one process.)", took.count());
}
