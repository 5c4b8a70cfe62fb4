#include "llama/engine/reply/speculation.hpp"

#include "dspy/adapters/adapter.hpp"
#include "engine_fixture.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace dspy::llama {
namespace {

using Tokens = std::vector<Token>;
using Fixture = test::EngineFixture;

TEST_CASE("what may come next is what followed the latest of the places that look most like the end") {
  struct Case {
    const char* what;
    Tokens tokens;
    std::size_t most;
    Tokens next;
  };
  for (const auto& [what, tokens, most, next] : std::vector<Case>{
           {"nothing at all", {}, 4, {}},
           {"one token", {1}, 4, {}},
           {"no place", {1, 2, 3, 4}, 4, {}},
           {"one token in common is too little", {1, 2, 3, 9, 3}, 4, {}},
           {"two are enough", {1, 2, 3, 4, 5, 1, 2}, 4, {3, 4, 5, 1}},
           {"as many as asked", {1, 2, 3, 4, 5, 1, 2}, 1, {3}},
           {"none asked", {1, 2, 3, 4, 5, 1, 2}, 0, {}},
           {"no more than there are", {7, 8, 7, 8}, 9, {7, 8}},
           {"the latest of two", {1, 2, 3, 1, 2, 4, 1, 2}, 1, {4}},
           {"the longest of two", {0, 1, 2, 3, 9, 1, 2, 4, 0, 1, 2}, 1, {3}},
           {"one that begins with the first token", {1, 2, 3, 1, 2}, 1, {3}},
       }) {
    CAPTURE(what);
    const auto found = look_up(tokens, most);
    CHECK(Tokens(found.begin(), found.end()) == next);
  }
}

TEST_CASE("a draft grows while it comes true, and shrinks to what came") {
  DraftLength length;
  CHECK(length.next() == 4);
  length.observe(4, 4);
  CHECK(length.next() == 8);
  length.observe(3, 3);  // there was no more to guess
  CHECK(length.next() == 8);
  length.observe(8, 5);
  CHECK(length.next() == 5);
  length.observe(5, 0);
  CHECK(length.next() == 2);
  length.observe(0, 0);
  CHECK(length.next() == 2);
}

/// Steps of a machine on which `first` and each further token take so much.
struct Machine {
  double first = 1;
  double token = 0.1;
  DraftBudget budget{};
  double plain = 0, spent = 0;  ///< Without drafts, and with.

  /// All that may be drafted, of which some share comes.
  void step(std::size_t tokens, std::size_t want, double comes) {
    const auto drafted = std::min(want, budget.allowance(tokens));
    const auto accepted = static_cast<std::size_t>(static_cast<double>(drafted) * comes);
    const auto base = first + token * static_cast<double>(tokens);
    const auto time = base + token * static_cast<double>(drafted);
    budget.observe({.replies = tokens,
                    .tokens = tokens,
                    .drafted = drafted,
                    .accepted = accepted,
                    .time = DraftBudget::Duration(time)});
    plain += base * (1 + static_cast<double>(accepted) / static_cast<double>(tokens));
    spent += time;
  }
};

TEST_CASE("drafts that never come cost next to nothing, whatever a token costs and however many write") {
  for (const double token : {0.01, 0.1, 1.0, 5.0}) {
    for (const std::size_t tokens : {1U, 4U, 16U, 90U}) {
      CAPTURE(token);
      CAPTURE(tokens);
      Machine machine{.token = token};
      for (int i = 0; i < 1000; ++i) machine.step(tokens, 16, 0);
      CHECK(machine.spent / machine.plain < 1.025);
    }
  }
}

TEST_CASE("drafts that come are made without end where a token costs little, and pay for themselves where it is dear") {
  struct Case {
    double token;
    double comes;
    double least;  ///< How many times as fast, at least.
  };
  for (const auto& [token, comes, least] : {Case{0.05, 1, 5}, Case{0.05, 0.5, 3}, Case{0.3, 0.7, 1.2},
                                            Case{0.3, 0.2, 0.975}, Case{3, 1, 1}, Case{3, 0.5, 0.975}}) {
    CAPTURE(token);
    CAPTURE(comes);
    Machine machine{.token = token};
    for (int i = 0; i < 1000; ++i) machine.step(1, i % 8 == 0 ? 0 : 10, comes);
    CHECK(machine.plain / machine.spent >= least);
  }
}

TEST_CASE("steps that took long at first do not make drafts look cheap for good") {
  Machine machine{.token = 3};
  for (int i = 0; i < 4; ++i) machine.budget.observe({.replies = 1, .tokens = 1, .time = DraftBudget::Duration(100)});
  for (int i = 0; i < 300; ++i) machine.step(1, i % 3 == 0 ? 0 : 10, 0.6);
  machine.plain = machine.spent = 0;
  for (int i = 0; i < 1000; ++i) machine.step(1, i % 3 == 0 ? 0 : 10, 0.6);
  CHECK(machine.spent / machine.plain < 1.025);
}

TEST_CASE("nothing is drafted beside a number of tokens for which no plain step was timed") {
  DraftBudget budget;
  CHECK(budget.allowance(3) == 0);
  budget.observe({.replies = 3, .tokens = 3, .time = DraftBudget::Duration(1)});
  CHECK(budget.allowance(3) > 0);
  CHECK(budget.allowance(4) == 0);
  CHECK(budget.allowance(1000) == 0);
}

TEST_CASE_FIXTURE(Fixture, "a reply that repeats its prompt takes fewer steps, and is the same") {
  const std::string said = "Mara Lindqvist lives in Oslo and works as a baker in the old harbour, since 1987.";
  runtime.answer = "I read: " + said + " That is all.";
  const auto question = "Quote this: " + said;
  start({.speculation = Speculation::off});
  const auto plain = ask(question);
  const int plain_decodes = runtime.decodes;
  CHECK(engine->stats().drafted_tokens == 0);

  for (const int most : {1, 4, 16, 64}) {
    CAPTURE(most);
    start({.speculation = Speculation::on, .draft_tokens = most});
    runtime.decodes = 0;
    const auto reply = ask(question);

    CHECK(reply.text == plain.text);
    CHECK(reply.usage == plain.usage);
    const auto stats = engine->stats();
    CHECK(stats.accepted_tokens > said.size() / 3);
    CHECK(stats.drafted_tokens >= stats.accepted_tokens);
    CHECK(runtime.decodes == plain_decodes - static_cast<int>(stats.accepted_tokens));
    // What was rejected has left the context, so what is known is right.
    CHECK(ask(question).usage.cache_read_tokens == asks(question).prompt.size() - 1);
  }
}

TEST_CASE_FIXTURE(Fixture, "drafts keep to max_tokens, stop texts, the context and the end of a reply") {
  const std::string line = "one two three four five six seven eight nine ten";
  const auto question = line + " " + line;
  runtime.answer = line;
  struct Case {
    const char* what;
    Sampling sampling;
    int context;
    std::string text;
    FinishReason finish;
  };
  const auto prompt = static_cast<int>(asks(question).prompt.size());
  for (const auto& [what, sampling, context, text, finish] : std::vector<Case>{
           {"the end of the reply", {.temperature = 0}, 1000, line, FinishReason::stop},
           {"max_tokens", {.max_tokens = 21, .temperature = 0}, 1000, line.substr(0, 21), FinishReason::length},
           {"a stop text", {.temperature = 0, .stop = {"six"}}, 1000, "one two three four five ", FinishReason::stop},
           {"the context", {.temperature = 0}, prompt + 20, line.substr(0, 21), FinishReason::length},
       }) {
    CAPTURE(what);
    start({.context_length = context, .speculation = Speculation::on, .kv_tokens = context});
    runtime.most_cells = 0;
    const auto reply = ask(question, sampling);
    CHECK(reply.text == text);
    CHECK(reply.finish == finish);
    CHECK(reply.usage.completion_tokens == text.size() + (finish == FinishReason::stop && text != line ? 3 : 0));
    CHECK(engine->stats().accepted_tokens > 5);
    CHECK(runtime.most_cells <= context);
  }
}

TEST_CASE_FIXTURE(Fixture, "drafts keep to the contract, and go on with what must follow") {
  const auto signature =
      std::make_shared<const Signature>(Signature::parse("text -> first: str, second: str, third: str"));
  const std::string reply = "First: Mara of Oslo\nSecond: Tom of Lima\nThird: nobody\n";
  runtime.answer = reply;
  auto work = asks("Tom of Lima, Mara of Oslo, Tom of Lima; Mara of Oslo\nThird: nobody else");
  work.contract = {.form = OutputContract::Form::fields, .signature = signature};
  start({.speculation = Speculation::off});
  const auto plain = wait(engine->generate(work));
  const auto steps = engine->stats().steps;
  start({.speculation = Speculation::on});

  const auto drafted = wait(engine->generate(work));

  CHECK(drafted.text == plain.text);
  const auto stats = engine->stats();
  CHECK(stats.accepted_tokens > 10);
  CHECK(stats.forced_tokens > 5);
  CHECK(stats.steps + 10 < steps);
}

/// The embedded model.
struct Embedded {
  std::shared_ptr<const Model> model =
      Model::load(std::filesystem::path(DSPY_MODEL_DIR) / "dspy-tiny.gguf", {.gpu_layers = test::gpu_layers()});

  /// A question whose answer stands in the prompt, in names that no token holds.
  Generation request(int number, double temperature, bool held) const {
    const auto exchange = adapter("field")->prepare(std::make_shared<const Signature>(
        Signature::parse("text -> name, city, people: list[str]", "List the people.")));
    const auto name = number % 2 == 0 ? "Zavinilko" : "Drelumbaro";
    const JsonObject inputs{
        {"text", Json(std::format("{0} lives in Jafegamste. {0} owns a rabbit. Kostenil{1} lives in "
                                  "Viluja. {0} works with Kostenil{1}.",
                                  name, number))}};
    return {.prompt = model->tokenize(exchange->format(inputs)),
            .sampling = {.max_tokens = 120,
                         .temperature = temperature,
                         .repeat_penalty = 1.0,
                         .seed = static_cast<std::uint64_t>(number),
                         .logprobs = 1},
            .contract = exchange->contract(),
            .constrain = held ? Constrain::on : Constrain::off};
  }
};

TEST_CASE_FIXTURE(Embedded, "a real model writes the same with and without drafts, held or free, greedy or drawn") {
  Engine plain(model, {.context_length = 1024, .sequences = 4, .threads = 1, .speculation = Speculation::off});
  Engine drafting(model, {.context_length = 1024, .sequences = 4, .threads = 1, .speculation = Speculation::on});
  for (int number = 0; number < 12; ++number) {
    CAPTURE(number);
    const auto work = request(number, number % 3 == 0 ? 1.0 : 0.0, number % 4 < 2);
    const auto expected = wait(plain.generate(work));

    const auto reply = wait(drafting.generate(work));

    CHECK(reply.text == expected.text);
    CHECK(reply.usage == expected.usage);
    REQUIRE(reply.logprobs.size() == expected.logprobs.size());
    for (std::size_t i = 0; i < reply.logprobs.size(); ++i) {
      CAPTURE(i);
      CHECK(reply.logprobs[i].text == expected.logprobs[i].text);
      CHECK(reply.logprobs[i].forced == expected.logprobs[i].forced);
      // Larger steps add up in another order.
      CHECK(reply.logprobs[i].logprob == doctest::Approx(expected.logprobs[i].logprob).epsilon(0.02));
    }
  }
  const auto stats = drafting.stats();
  CHECK(stats.accepted_tokens > 50);
  CHECK(stats.steps < plain.stats().steps);
  // One that had to come, or ended a reply, would have needed no step.
  CHECK(stats.steps + stats.accepted_tokens >= plain.stats().steps);
}

TEST_CASE_FIXTURE(Embedded, "replies that are written at once do not mix up their drafts") {
  const auto ask = [&](int number) {
    const auto exchange = adapter("field")->prepare(std::make_shared<const Signature>(
        Signature::parse("context, question -> answer", "Answer with a full sentence.")));
    const auto name =
        std::format("{}ilko", std::vector{"Zavin", "Drelum", "Kosten"}[static_cast<std::size_t>(number % 3)]);
    const JsonObject inputs{{"context", Json(std::format("{} lives in {}. It was a sunny day. Barogen owns a rabbit.",
                                                         name, number % 2 == 0 ? "Jafegamste" : "Vilujandro"))},
                            {"question", Json(std::format("Where does {} live?", name))}};
    return Generation{.prompt = model->tokenize(exchange->format(inputs)),
                      .sampling = {.max_tokens = 40, .temperature = 0},
                      .contract = exchange->contract()};
  };
  Engine plain(model, {.context_length = 1024, .sequences = 1, .threads = 1, .speculation = Speculation::off});
  std::vector<Generated> expected, replies(12);
  for (int i = 0; i < 12; ++i) expected.push_back(wait(plain.generate(ask(i))));
  Engine drafting(model, {.context_length = 1024, .sequences = 6, .threads = 1, .speculation = Speculation::on});
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 12; ++i)
      callers.emplace_back([&, i] { replies[static_cast<std::size_t>(i)] = wait(drafting.generate(ask(i))); });
  }
  for (std::size_t i = 0; i < 12; ++i) CHECK(replies[i].text == expected[i].text);
  CHECK(drafting.stats().accepted_tokens > 20);
}

TEST_CASE_FIXTURE(Fixture, "nothing is guessed in a reproducible engine, and where a context cannot forget a part") {
  runtime.answer = "one two three one two three one two three";
  SUBCASE("reproducible") {
    start({.reproducible = true, .speculation = Speculation::on});
    ask("one two three");
    CHECK(engine->stats().drafted_tokens == 0);
  }
  SUBCASE("no parts") {
    runtime.forgets_parts = false;
    model = Model::load(folder / "fake.gguf", {}, {}, &runtime);
    start({.speculation = Speculation::on});
    CHECK(ask("one two three").text == runtime.answer.get());
    CHECK(engine->stats().drafted_tokens == 0);
  }
}

}  // namespace
}  // namespace dspy::llama
