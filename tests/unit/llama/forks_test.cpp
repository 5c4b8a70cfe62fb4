#include "dspy/adapters/adapter.hpp"
#include "dspy/llama/engine.hpp"
#include "engine_fixture.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

// Several replies to one prompt, and a reply that goes on from a given beginning.

namespace dspy::llama {
namespace {

using test::error_of;
using Fixture = test::EngineFixture;

struct Embedded : test::EmbeddedModel {
  Generation work() const {
    return {.prompt = model->tokenize(facts() + "So"),
            .sampling = {.max_tokens = 12, .temperature = 1, .top_p = 1, .repeat_penalty = 1, .seed = 40},
            .ignores_end = true};
  }
};

TEST_CASE_FIXTURE(Embedded, "replies to one prompt are those of their seeds, and the prompt is computed once") {
  std::vector<std::string> alone;
  {
    Engine engine(model, {.context_length = 1024, .reuse = false, .threads = 1, .speculation = Speculation::off});
    for (std::uint64_t seed = 40; seed < 46; ++seed) {
      auto one = work();
      one.sampling.seed = seed;
      alone.push_back(wait(engine.generate(one)).text);
    }
  }
  for (const int sequences : {1, 3, 8}) {
    CAPTURE(sequences);
    Engine engine(model, {.context_length = 1024,
                          .sequences = sequences,
                          .threads = 1,
                          .speculation = Speculation::off,
                          .kv_tokens = 4096});
    const auto replies = wait(engine.generate_n(work(), 6));

    REQUIRE(replies.size() == 6);
    std::set<std::string> different;
    for (std::size_t i = 0; i < 6; ++i) {
      CAPTURE(i);
      // Written at once, they add up in another order, and a draw may fall to the other side.
      if (sequences == 1) CHECK(replies[i].text == alone[i]);
      CHECK(replies[i].usage.completion_tokens == 12);
      different.insert(replies[i].text);
    }
    CHECK(different.size() >= 4);
    const auto stats = engine.stats();
    CHECK(stats.computed_tokens == work().prompt.size());
    CHECK(stats.requests == 6);
    CHECK(stats.steps <= (sequences == 8 ? 20U : 90U));
  }
}

TEST_CASE_FIXTURE(Embedded, "replies to one prompt are the same to the bit where they must be reproducible") {
  Engine engine(model, {.reproducible = true, .threads = 1});
  const auto replies = wait(engine.generate_n(work(), 4));
  for (std::uint64_t i = 0; i < 4; ++i) {
    auto one = work();
    one.sampling.seed = 40 + i;
    CHECK(replies[i].text == wait(engine.generate(one)).text);
  }
}

TEST_CASE_FIXTURE(Fixture, "replies to one prompt without a seed, of one token, held to a contract, or without reuse") {
  auto one = asks("Which?", {.max_tokens = 1, .temperature = 1});
  for (const auto& reply : wait(engine->generate_n(one, 3))) CHECK(reply.text == "H");
  CHECK(engine->stats().computed_tokens == one.prompt.size());

  one.sampling.max_tokens = 20;
  one.contract = {.form = OutputContract::Form::choices, .choices = {"yes, of course", "yes, indeed"}};
  runtime.answer = "yes, indeed";
  for (const auto& reply : wait(engine->generate_n(one, 5))) CHECK(reply.text.starts_with("yes, "));

  start({.reuse = false});
  one.contract = {};
  for (const auto& reply : wait(engine->generate_n(one, 3))) CHECK(reply.text == "yes, indeed");
  CHECK(engine->stats().computed_tokens == 3 * one.prompt.size());
}

TEST_CASE_FIXTURE(Fixture, "replies to one prompt are all queued or none, and end together") {
  start({.queue_limit = 4});
  CHECK(error_of([&] { wait(engine->generate_n(asks("Hi"), 5)); }).code() == Errc::rate_limit_exceeded);
  CHECK(engine->stats().requests == 0);
  CHECK(wait(engine->generate_n(asks("Hi"), 4)).size() == 4);
  CHECK(std::string(error_of([&] { wait(engine->generate_n(asks("Hi"), 0)); }).what()) ==
        "0 replies were asked for; ask for 1 or more");
  std::stop_source stopped;
  auto work = asks("Hi");
  work.stop = stopped.get_token();
  stopped.request_stop();
  CHECK(error_of([&] { wait(engine->generate_n(work, 3)); }).code() == Errc::cancelled);
  CHECK(ask("Hi").text == "Hello!");
}

TEST_CASE_FIXTURE(Fixture, "a reply goes on from a given beginning, which is neither sampled nor computed again") {
  runtime.answer = "Hello there, Mara.";
  const auto whole = ask("Who is it?");
  auto work = asks("Who is it?");
  work.prefill = "Hello there,";
  std::string streamed;

  const auto reply = wait(engine->generate(work, [&](const StreamEvent& event) { streamed += event.text; }));

  CHECK(reply.text == whole.text);
  CHECK(streamed == whole.text);
  CHECK(reply.usage.completion_tokens == whole.usage.completion_tokens);
  const auto stats = engine->stats();
  CHECK(stats.forced_tokens == work.prefill.size());
  CHECK(stats.computed_tokens == work.prompt.size());

  work.sampling.max_tokens = 5;
  CHECK(wait(engine->generate(work)).text == "Hello");
  work.sampling.stop = {"ll"};
  CHECK(wait(engine->generate(work)).text == "He");
}

TEST_CASE_FIXTURE(Fixture, "one field is written again, and those before it are kept") {
  const auto exchange = adapter("field")->prepare(
      std::make_shared<const Signature>(Signature::parse("text -> name, mood: Literal['glad', 'sad'], city")));
  auto work = asks("q");
  work.contract = exchange->contract();
  runtime.answer = "Name: Mara\nMood: glad\nCity: Oslo";
  const auto first = wait(engine->generate(work));
  CHECK(first.text == runtime.answer.get());

  runtime.answer = "Name: Nora\nMood: wild\nCity: Lima";
  work.prefill = "Name: Mara\nMood:";
  const auto again = wait(engine->generate(work));

  const auto reading = exchange->parse(again.text);
  REQUIRE(reading);
  CHECK(reading->outputs.at("name") == "Mara");
  CHECK((reading->outputs.at("mood") == "glad" || reading->outputs.at("mood") == "sad"));
  CHECK(reading->outputs.at("city") == "Lima");

  work.prefill = "Name: Mara\nMood: wild";
  const auto error = error_of([&] { wait(engine->generate(work)); });
  CHECK(error.code() == Errc::invalid_parameter);
  CHECK(std::string(error.what()) ==
        "`prefill` breaks the contract after 17 bytes; give the beginning of a reply that keeps it, or switch "
        "constraints off (constrain=off)");
  work.constrain = Constrain::off;
  CHECK(wait(engine->generate(work)).text.starts_with("Name: Mara\nMood: wild"));
}

TEST_CASE_FIXTURE(Fixture, "a beginning that leaves no room for more is an error") {
  start({.context_length = 60});
  auto work = asks("Hi");
  work.prefill = std::string(60, 'x');
  CHECK(error_of([&] { wait(engine->generate(work)); }).code() == Errc::context_too_long);
  CHECK(ask("Hi").text == "Hello!");
}

}  // namespace
}  // namespace dspy::llama
