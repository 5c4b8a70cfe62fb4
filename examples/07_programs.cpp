// A program of two steps.  You write one coroutine, `run`, and get calls and batches from it.  The
// budget and the trace are set from outside, without any code in the program.

#include <dspy/dspy.hpp>

#include <iostream>

namespace {

struct Person {
  std::string name;
  std::string context;
};

struct Profile {
  std::string city;
  std::string pet;
};

struct Describe {
  dspy::Predict<> city{ask()};
  dspy::Predict<> pet{ask()};

  static dspy::Signature ask() {
    return dspy::Signature::parse("context, question -> answer", "Answer the question from the context.");
  }

  dspy::Async<Profile> run(Person who, dspy::Run how) const {
    const auto home =
        co_await city.run({{"context", who.context}, {"question", "Where does " + who.name + " live?"}}, how);
    const auto animal =
        co_await pet.run({{"context", who.context}, {"question", "What pet does " + who.name + " have?"}}, how);
    co_return Profile{.city = std::string(dspy::view(home.at("answer").as_string())),
                      .pet = std::string(dspy::view(animal.at("answer").as_string()))};
  }
};

}  // namespace

int main() {
  dspy::configure({.lm = dspy::lm("llama:models/dspy-tiny.gguf?temperature=0")});
  const auto log = std::make_shared<dspy::TraceLog>();
  const auto budget = std::make_shared<dspy::Budget>(dspy::Budget::Limits{.requests = 5});
  const auto program = dspy::with_context(Describe(), {.budget = budget, .trace = log});

  const Person nora{"Nora", "Nora lives in Lima. Paul works as a baker. Nora has a parrot."};
  const Person mara{"Mara", "Mara lives in Oslo. Tom works as a baker. Mara has a cat."};
  for (const auto& row : dspy::run_batch(program, {nora, mara}, {.concurrency = 1})) {
    if (row) std::cout << row->city << ", " << row->pet << '\n';
  }
  for (const auto& span : log->spans()) {
    if (span.at("kind") == "call") {
      std::cout << dspy::view(span.at("path").as_string()) << ": " << span.at("usage").at("prompt_tokens") << " + "
                << span.at("usage").at("completion_tokens") << " tokens\n";
    }
  }

  // The fifth request is the last one allowed.
  const auto more = dspy::attempt([&] { return dspy::call(program, nora); });
  if (!more) std::cout << more.error().what() << '\n';
}
