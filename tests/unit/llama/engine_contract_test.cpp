#include "dspy/signature/signature.hpp"
#include "engine_fixture.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <format>
#include <limits>
#include <memory>
#include <string>
#include <vector>

// What an engine does with the contract of a request, over a model that would answer as it is told.

namespace dspy {
namespace {

using Form = OutputContract::Form;
using llama::Constrain;
using test::EngineFixture;
using test::error_of;

constexpr float never = -std::numeric_limits<float>::infinity();

OutputContract outputs(Form form, std::string_view notation) {
  return {.form = form, .signature = std::make_shared<const Signature>(Signature::parse(notation))};
}

OutputContract mood() {
  return outputs(Form::json, "text -> mood: Literal['glad', 'gloomy', 'sad'], score: int");
}

constexpr std::string_view mood_reply = "{\n  \"mood\": \"gloomy\",\n  \"score\": 7\n}";

struct ContractFixture : EngineFixture {
  llama::Generation held(OutputContract contract, Sampling sampling = {.temperature = 0}) const {
    auto work = asks("q", std::move(sampling));
    work.contract = std::move(contract);
    return work;
  }
  llama::Generated reply_to(llama::Generation work) { return wait(engine->generate(std::move(work))); }
};

TEST_CASE_FIXTURE(ContractFixture, "a reply that keeps its contract is written as it would be, with fewer steps") {
  runtime.answer = std::string(mood_reply);

  const auto reply = reply_to(held(mood()));

  CHECK(reply.text == mood_reply);
  CHECK(reply.finish == FinishReason::stop);
  CHECK(reply.usage.completion_tokens == mood_reply.size());  // a token is a byte here
  CHECK(reply.unenforced.empty());
  const auto stats = engine->stats();
  CHECK(stats.completion_tokens == mood_reply.size());
  // Sampled are `gl`, which says that it is `gl…`, `o` of `gloomy`, the number, and where that ends.
  CHECK(stats.forced_tokens == mood_reply.size() - 4);
  CHECK(stats.steps == 4);
}

TEST_CASE_FIXTURE(ContractFixture, "a model that wants to write something else is held to the contract") {
  struct Case {
    OutputContract contract;
    std::string wanted, written;
  };
  const std::vector<Case> cases = {
      {{.form = Form::choices, .choices = {"yes", "no"}}, "yesterday", "yes"},
      {{.form = Form::choices, .choices = {"no", "none"}}, "no", "no"},
      {{.form = Form::choices, .choices = {"no", "none"}}, "nonsense", "none"},
      {{.form = Form::regex, .grammar = "[ab]{3}"}, "", "aaa"},
      {{.form = Form::regex, .grammar = "[ab]{3}"}, "bbbbbb", "bbb"},
      {{.form = Form::regex, .grammar = "[a-z]+"}, "free", "free"},
      {{.form = Form::gbnf, .grammar = "root ::= item (\", \" item)*\nitem ::= \"a\" | \"b\""}, "a, b, a", "a, b, a"},
      {{.form = Form::schema, .grammar = R"({"type": "array", "items": {"type": "integer"}, "maxItems": 2})"},
       "[1,2] and more",
       "[1,2]"},
      {{.form = Form::choices, .choices = {"yes"}, .may_think = true},
       "<think>Hm.</think>\n\nyes!",
       "<think>Hm.</think>\n\nyes"},
      {{.form = Form::choices, .choices = {"yes"}, .may_think = true}, "yes", "yes"},
  };
  for (const auto& [contract, wanted, written] : cases) {
    CAPTURE(wanted);
    CAPTURE(contract.grammar);
    runtime.answer = wanted;

    const auto reply = reply_to(held(contract));

    CHECK(reply.text == written);
    CHECK(reply.finish == FinishReason::stop);
    CHECK(reply.usage.completion_tokens == written.size());
  }
}

TEST_CASE_FIXTURE(ContractFixture, "a reply of which all had to come is there without computing") {
  std::string streamed;
  bool read = false;
  auto work = held({.form = Form::choices, .choices = {"the only one"}});
  const auto reply = wait(engine->generate(std::move(work), [&](const StreamEvent& event) {
    read = read || event.kind == StreamEvent::Kind::prompt_done;
    streamed += event.text;
  }));

  CHECK(reply.text == "the only one");
  CHECK(streamed == reply.text);
  CHECK(read);
  CHECK(reply.usage.completion_tokens == 12);
  CHECK(runtime.decodes == 0);
  CHECK(engine->stats().completed == 1);
  CHECK(engine->stats().forced_tokens == 12);
}

TEST_CASE_FIXTURE(ContractFixture, "max_tokens counts tokens that had to come, and a held reply is never cut") {
  runtime.answer = std::string(mood_reply);
  int least = 0;
  for (int most = 1; most <= static_cast<int>(mood_reply.size()) + 1; ++most) {
    CAPTURE(most);

    const auto result = attempt([&] { return reply_to(held(mood(), {.max_tokens = most, .temperature = 0})); });

    if (!result) {
      CHECK(least == 0);
      CHECK(result.error().code() == Errc::invalid_parameter);
      CHECK(std::string(result.error().what()).contains(std::format("max_tokens is {}, but the shortest", most)));
      continue;
    }
    if (least == 0) least = most;
    CHECK(result->text.ends_with("\n}"));
    CHECK(result->usage.completion_tokens <= static_cast<std::size_t>(most));
    CHECK(result->finish == FinishReason::stop);
    if (static_cast<std::size_t>(most) >= mood_reply.size()) CHECK(result->text == mood_reply);
    CHECK(result->closed_early.empty() == (result->text == mood_reply));
  }
  CHECK(least > 1);
}

TEST_CASE_FIXTURE(ContractFixture, "a reply held to a contract is an error where the context has no room for it") {
  start({.context_length = 40});
  runtime.answer = std::string(mood_reply);
  auto work = held(mood());

  const auto result = attempt([&] { return reply_to(std::move(work)); });

  REQUIRE_FALSE(result);
  CHECK(result.error().code() == Errc::context_too_long);
  CHECK(std::string(result.error().what()).contains("in the context of"));
}

TEST_CASE_FIXTURE(ContractFixture, "a text that goes round in circles is ended, and the rest is written") {
  struct Case {
    int loop_tokens;
    bool ends;
  };
  for (const auto& [loop_tokens, ends] : {Case{24, true}, Case{0, false}}) {
    CAPTURE(loop_tokens);
    start({.loop_tokens = loop_tokens});
    std::string round = "Thoughts: So ";
    for (int i = 0; i < 20; ++i) round += "again ";
    runtime.answer = round;

    const auto reply = reply_to(
        held(outputs(Form::fields, "q -> thoughts, mood: Literal['a', 'b']"), {.max_tokens = 400, .temperature = 0}));

    CHECK((reply.loop_ended == std::vector<std::string>{"thoughts"}) == ends);
    CHECK(reply.text.contains("\nMood: "));
  }
}

TEST_CASE_FIXTURE(ContractFixture, "a stop text ends a reply also where it had to come") {
  runtime.answer = std::string(mood_reply);
  struct Case {
    std::string stop, text;
  };
  for (const auto& [stop, text] :
       {Case{"{", ""}, Case{"\"mood\"", "{\n  "}, Case{"my\",\n  \"sc", "{\n  \"mood\": \"gloo"}}) {
    CAPTURE(stop);

    const auto reply = reply_to(held(mood(), {.temperature = 0, .stop = {stop}}));

    CHECK(reply.text == text);
    CHECK(reply.finish == FinishReason::stop);
    CHECK(reply.usage.completion_tokens == text.size() + stop.size());
  }
}

TEST_CASE_FIXTURE(ContractFixture, "streaming a held reply hands out the same text") {
  runtime.answer = std::string(mood_reply);
  for (const int batch : {1, 3, 256}) {
    CAPTURE(batch);
    start({.batch = batch, .prefill_chunk = batch});
    std::string streamed;
    int prompts_done = 0;
    const auto reply = wait(engine->generate(held(mood()), [&](const StreamEvent& event) {
      prompts_done += event.kind == StreamEvent::Kind::prompt_done ? 1 : 0;
      streamed += event.text;
    }));

    CHECK(streamed == mood_reply);
    CHECK(reply.text == mood_reply);
    CHECK(prompts_done == 1);
  }
}

TEST_CASE_FIXTURE(ContractFixture, "a held reply survives a step that was interrupted, with several tokens in it") {
  for (const bool parts : {true, false}) {
    CAPTURE(parts);
    runtime.forgets_parts = parts;
    model = llama::Model::load(folder / "fake.gguf", {}, {}, &runtime);
    runtime.answer = std::string(mood_reply);
    int steps = 0;
    runtime.on_decode = [&] { return ++steps % 2 == 0 ? llama::DecodeStatus::interrupted : llama::DecodeStatus::ok; };
    start();

    const auto reply = reply_to(held(mood()));

    CHECK(reply.text == mood_reply);
    CHECK(reply.usage.completion_tokens == mood_reply.size());
    engine.reset();
  }
}

TEST_CASE_FIXTURE(ContractFixture, "a contract that leaves no token is an error, and the engine goes on") {
  auto work = held({.form = Form::regex, .grammar = "xy?z?[ab]+"});
  work.bias = {{.token = 'a', .bias = never},
               {.token = 'b', .bias = never},
               {.token = 'y', .bias = never},
               {.token = 'z', .bias = never}};

  const auto error = error_of([&] { reply_to(std::move(work)); });

  CHECK(error.code() == Errc::invalid_parameter);
  CHECK(
      std::string_view(error.what()).starts_with("the contract leaves `random` no token to go on with after \"x\": "));
  CHECK(ask("q").text == "Hello!");
  CHECK(runtime.contexts == 1);
  CHECK(engine->stats().failed == 1);
}

TEST_CASE_FIXTURE(ContractFixture, "scores that are not numbers are distinguished from a contract without a way on") {
  runtime.all_logits = std::numeric_limits<float>::quiet_NaN();

  CHECK(error_of([&] { reply_to(held(mood())); }).code() == Errc::inference_failed);
}

TEST_CASE_FIXTURE(ContractFixture, "what cannot be held is told, or an error") {
  auto contract = outputs(Form::json, "text -> tags: set[str]");
  runtime.answer = "{\n  \"tags\": [\"a\"]\n}";

  CHECK(reply_to(held(contract)).unenforced.size() == 1);
  auto strict = held(contract);
  strict.constrain = Constrain::strict;
  const auto error = error_of([&] { reply_to(std::move(strict)); });
  CHECK(error.code() == Errc::invalid_parameter);
  CHECK(std::string_view(error.what())
            .starts_with("the contract cannot be enforced as strictly as requested: the output `tags`"));
  auto off = held(contract);
  off.constrain = Constrain::off;
  CHECK(reply_to(std::move(off)).unenforced.empty());
  CHECK(engine->stats().failed == 0);
}

TEST_CASE_FIXTURE(ContractFixture,
                  "a contract that no mask can hold leaves the reply free and says so, or is an error") {
  auto signature = Signature::parse("text -> code");
  signature.outputs[0].label = std::string(20'001, 'x');
  const OutputContract contract{.form = Form::fields, .signature = std::make_shared<const Signature>(signature)};

  const auto reply = reply_to(held(contract));

  CHECK(reply.text == "Hello!");
  REQUIRE(reply.unenforced.size() == 1);
  CHECK(
      reply.unenforced[0].starts_with("the whole contract: no mask can hold a signature whose names and labels have"));
  auto strict = held(contract);
  strict.constrain = Constrain::strict;
  CHECK(error_of([&] { reply_to(std::move(strict)); }).code() == Errc::invalid_parameter);
}

TEST_CASE_FIXTURE(ContractFixture, "a grammar that cannot be used is an error at once") {
  struct Case {
    OutputContract contract;
    std::string_view message;
  };
  for (const auto& [contract, message] :
       {Case{{.form = Form::choices}, "there are no choices; give at least one"},
        Case{{.form = Form::regex, .grammar = "(a"}, "the regular expression `(a` cannot be held by a mask"},
        Case{{.form = Form::schema, .grammar = "{"}, "the JSON Schema is not JSON"},
        Case{{.form = Form::gbnf, .grammar = "tree ::= \"x\""}, "the grammar cannot be used"}}) {
    CAPTURE(message);
    const auto error = error_of([&] { reply_to(held(contract)); });
    CHECK(error.code() == Errc::invalid_parameter);
    CHECK(std::string_view(error.what()).starts_with(message));
  }
  CHECK(ask("q").text == "Hello!");
}

TEST_CASE_FIXTURE(ContractFixture, "log-probabilities are told of each token when asked for") {
  runtime.answer = "gloomy";
  const auto contract = outputs(Form::json, "text -> mood: Literal['gloomy', 'good'], score: Literal[1]");
  auto work = held(contract, {.temperature = 0, .logprobs = 3});
  runtime.answer = "{\n  \"mood\": \"gloomy\",\n  \"score\": 1\n}";

  const auto reply = reply_to(std::move(work));

  std::string text;
  for (const auto& token : reply.logprobs) {
    text += token.text;
    CHECK(token.forced == token.top.empty());
  }
  CHECK(text == reply.text);
  CHECK(reply.logprobs.size() == reply.usage.completion_tokens);
  const auto& chosen = reply.logprobs.at(std::string_view("{\n  \"mood\": \"g").size());
  const double other = std::log1p(std::exp(-10.0));  // the scores are 5 and -5
  CHECK(chosen.text == "l");
  CHECK(chosen.field == "mood");
  CHECK(chosen.logprob == doctest::Approx(-other));
  REQUIRE(chosen.top.size() == 2);  // no more may come
  CHECK(chosen.top[0].first == "l");
  CHECK(chosen.top[1].first == "o");
  CHECK(chosen.top[1].second == doctest::Approx(-10 - other));
  CHECK(reply.probability("mood").value() == doctest::Approx(std::exp(-other)));
  CHECK(reply.probability("score").value() == 1);
  CHECK_FALSE(reply.probability("text").has_value());
}

TEST_CASE_FIXTURE(ContractFixture, "log-probabilities of a free reply are those of the whole vocabulary") {
  const auto reply = ask("q", {.temperature = 0, .logprobs = 2});

  REQUIRE(reply.logprobs.size() == 6);
  const double total = std::log(std::exp(5.0) + 258 * std::exp(-5.0));
  CHECK(reply.logprobs[0].text == "H");
  CHECK(reply.logprobs[0].logprob == doctest::Approx(5 - total));
  CHECK(reply.logprobs[0].top.size() == 2);
  CHECK(ask("q").logprobs.empty());
}

TEST_CASE_FIXTURE(ContractFixture, "an output may have a temperature of its own") {
  runtime.all_logits = 0.0F;  // every token is as likely
  const auto contract = outputs(Form::json,
                                "text -> first: Literal[1, 2, 3, 4, 5, 6, 7, 8, 9], "
                                "second: Literal[1, 2, 3, 4, 5, 6, 7, 8, 9]");
  std::string firsts, seconds;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto reply = reply_to(
        held(contract, {.temperature = 1, .seed = seed, .field_temperatures = {{"second", 0}, {"unknown", 2}}}));
    firsts += reply.text.at(std::string_view("{\n  \"first\": ").size());
    seconds += reply.text.at(std::string_view("{\n  \"first\": 1,\n  \"second\": ").size());
  }

  CHECK(seconds == std::string(20, '1'));
  CHECK(firsts.find_first_not_of(firsts[0]) != std::string::npos);
}

}  // namespace
}  // namespace dspy
