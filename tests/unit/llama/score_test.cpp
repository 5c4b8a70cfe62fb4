#include "dspy/llama/engine.hpp"
#include "dspy/llama/scores.hpp"
#include "engine_fixture.hpp"
#include "llama/mask/vocabulary.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace dspy::llama {
namespace {

using test::error_of;
using Fixture = test::EngineFixture;

struct Embedded : test::EmbeddedModel {
  std::vector<Token> question(std::string_view name) const {
    return model->tokenize(Chat{{Role::user, facts() + "Where does " + std::string(name) + " live?"}});
  }
};

TEST_CASE_FIXTURE(Embedded, "the score of what was generated is the log-probability that was told of it") {
  Engine engine(model, {.context_length = 1024, .threads = 1});
  for (const double temperature : {0.0, 1.5}) {
    CAPTURE(temperature);
    const auto prompt = question("Tom");
    const auto reply = wait(engine.generate(
        {.prompt = prompt,
         .sampling = {.max_tokens = 40, .temperature = temperature, .repeat_penalty = 1.0, .seed = 3, .logprobs = 0},
         .ignores_end = true}));
    std::vector<Token> continuation;
    std::string text;
    for (const auto& token : reply.logprobs) text += token.text;
    continuation = model->tokenize(text);
    // A drawn text need not be made of the tokens that a tokenizer would choose.
    if (continuation.size() != reply.logprobs.size()) continue;

    const auto score = wait(engine.score({.prompt = prompt, .continuation = continuation}));

    REQUIRE(score.tokens.size() == reply.logprobs.size());
    for (std::size_t i = 0; i < score.tokens.size(); ++i) {
      CAPTURE(i);
      CHECK(score.tokens[i] == doctest::Approx(reply.logprobs[i].logprob).epsilon(0.02));
    }
    CHECK(score.logprob == doctest::Approx(std::accumulate(score.tokens.begin(), score.tokens.end(), 0.0)));
    CHECK(score.is_greedy == (temperature == 0));
    CHECK(score.usage.prompt_tokens == prompt.size());
  }
}

TEST_CASE_FIXTURE(Embedded, "probabilities of all next tokens sum to one, and of a longer text multiply") {
  Engine engine(model, {.context_length = 512, .threads = 1});
  const auto prompt = model->tokenize("Mara lives in");
  double total = 0;
  for (Token token = 0; token < model->vocabulary_size(); token += 1) {
    if (token % 8 != 0) continue;  // an eighth of them, in no order of likelihood
    total += std::exp(wait(engine.score({.prompt = prompt, .continuation = {token}})).logprob);
  }
  CHECK(total > 0);
  CHECK(total < 1);

  const auto text = model->tokenize(" Oslo and likes tea.");
  const auto whole = wait(engine.score({.prompt = prompt, .continuation = text}));
  double sum = 0;
  auto before = prompt;
  for (const auto token : text) {
    sum += wait(engine.score({.prompt = before, .continuation = {token}})).logprob;
    before.push_back(token);
  }
  CHECK(whole.logprob == doctest::Approx(sum).epsilon(0.02));
}

TEST_CASE_FIXTURE(Embedded, "candidates that are scored at once share their prompt, and score as alone") {
  std::vector<std::vector<Token>> candidates;
  for (const auto* text : {"Lima", "Oslo", "Paris is where Tom lives, as far as I know, and it has been so for years",
                           "unknown", "Tom lives in Lima.", "Rome", "Bern", "Kyoto"})
    candidates.push_back(model->tokenize(text));
  const auto prompt = question("Tom");
  std::vector<Score> alone;
  Engine single(model, {.context_length = 1024, .reuse = false, .threads = 1});
  for (const auto& each : candidates) alone.push_back(wait(single.score({.prompt = prompt, .continuation = each})));

  for (const auto speculation : {Speculation::automatic, Speculation::off}) {
    // Fewer places for scores than there are tokens.
    Engine engine(model, {.context_length = 1024, .sequences = 8, .threads = 1, .speculation = speculation});
    std::vector<Score> scores(candidates.size());
    {
      std::vector<std::jthread> callers;
      for (std::size_t i = 0; i < candidates.size(); ++i)
        callers.emplace_back(
            [&, i] { scores[i] = wait(engine.score({.prompt = prompt, .continuation = candidates[i]})); });
    }
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      CAPTURE(i);
      REQUIRE(scores[i].tokens.size() == candidates[i].size());
      CHECK(scores[i].logprob == doctest::Approx(alone[i].logprob).epsilon(0.02));
    }
    const auto stats = engine.stats();
    CHECK(stats.computed_tokens == prompt.size() + candidates.size() - 1);  // the prompt once, its last token for each
    std::size_t scored = 0;
    for (const auto& each : candidates) scored += each.size();
    CHECK(stats.scored_tokens == scored);
    CHECK(stats.completion_tokens == 0);
  }
}

TEST_CASE_FIXTURE(Fixture, "a long continuation is scored in steps, beside replies that are being written") {
  runtime.answer = std::string(300, 'a') + "b";
  const auto prompt = asks("Hi").prompt;
  start({.sequences = 2, .batch = 64});
  std::jthread writer([&] { ask("Write on."); });
  const auto expected = model->tokenize(runtime.answer.get());

  const auto score = wait(engine->score({.prompt = prompt, .continuation = expected}));

  CHECK(score.is_greedy);
  REQUIRE(score.tokens.size() == 301);
  const double likely = -std::log(1 + (test::FakeRuntime::vocabulary - 1) * std::exp(-10.0));
  CHECK(score.logprob == doctest::Approx(301 * likely).epsilon(1e-3));
  const auto other = wait(engine->score({.prompt = prompt, .continuation = model->tokenize("aaac")}));
  CHECK_FALSE(other.is_greedy);
  CHECK(other.tokens.back() == doctest::Approx(likely - 10));
  CHECK(runtime.largest_batch <= 64);
}

TEST_CASE_FIXTURE(Fixture, "a score that cannot be given is an error, and the engine goes on") {
  start({.context_length = 100});
  const auto prompt = model->tokenize(std::string(90, 'p'));
  const auto text = model->tokenize(std::string(11, 'c'));
  CHECK(wait(engine->score({.prompt = prompt, .continuation = text})).tokens.size() == 11);
  struct Case {
    const char* what;
    Scoring scoring;
    Errc code;
    std::string message;
  };
  std::stop_source stopped;
  stopped.request_stop();
  for (const auto& [what, scoring, code, message] : std::vector<Case>{
           {"nothing to score",
            {.prompt = prompt},
            Errc::invalid_parameter,
            "the continuation is empty; give the model something to find likely or not"},
           {"no prompt",
            {.continuation = text},
            Errc::invalid_parameter,
            "the prompt is empty; give the model something to read"},
           {"too long",
            {.prompt = prompt, .continuation = model->tokenize(std::string(12, 'c'))},
            Errc::context_too_long,
            "the prompt and its continuation have 102 tokens and `random` reads 100; shorten one of them, or raise "
            "context_length"},
           {"no such token",
            {.prompt = prompt, .continuation = {1, 4000}},
            Errc::invalid_parameter,
            "the continuation has a token 4000; `random` has 259"},
           {"stopped",
            {.prompt = prompt, .continuation = text, .stop = stopped.get_token()},
            Errc::cancelled,
            "the request was cancelled"},
       }) {
    CAPTURE(what);
    const auto error = error_of([&] { wait(engine->score(scoring)); });
    CHECK(error.code() == code);
    CHECK(std::string(error.what()) == message);
  }
  runtime.all_logits = std::numeric_limits<float>::quiet_NaN();
  CHECK(error_of([&] { wait(engine->score({.prompt = prompt, .continuation = text})); }).code() ==
        Errc::inference_failed);
  runtime.all_logits.reset();
  CHECK(ask("Hi").text == "Hello!");
}

TEST_CASE_FIXTURE(Embedded, "scores of options and named tokens are those of one after the other") {
  Engine engine(model, {.context_length = 1024, .sequences = 8, .threads = 1});
  const auto prompt = question("Tom");
  const std::vector<std::string> options = {" Oslo", " Rome, in the south", " a", "Oslo."};
  const auto scores = wait(score_options(engine, prompt, options));
  REQUIRE(scores.size() == options.size());
  double sum = 0;
  for (std::size_t i = 0; i < options.size(); ++i) {
    CAPTURE(i);
    Engine alone(model, {.context_length = 1024, .sequences = 1, .threads = 1});
    const auto tokens = model->mask_vocabulary()->tokenize(options[i]);
    const auto single = wait(alone.score({.prompt = prompt, .continuation = tokens}));
    CHECK(std::abs(scores[i].logprob - single.logprob) < 1e-4);
    CHECK(scores[i].tokens.size() == tokens.size());
    CHECK(scores[i].is_greedy == single.is_greedy);
    CHECK(scores[i].probability ==
          doctest::Approx(std::exp(scores[i].logprob - scores[0].logprob) * scores[0].probability));
    sum += scores[i].probability;
  }
  CHECK(sum == doctest::Approx(1));

  std::vector<Token> named;
  for (Token token = 0; token < model->vocabulary_size(); token += 97) named.push_back(token);
  const auto before = engine.stats().scored_tokens;
  const auto all = wait(token_scores(engine, prompt, named));
  CHECK(engine.stats().scored_tokens - before == 1);
  REQUIRE(all.size() == named.size());
  for (std::size_t i = 0; i < named.size(); i += 5) {
    CAPTURE(i);
    const auto single = wait(engine.score({.prompt = prompt, .continuation = {named[i]}}));
    CHECK(std::abs(all[i] - single.logprob) < 1e-4);
  }
  const auto both = wait(engine.score({.prompt = prompt, .continuation = {named[0], named[1]}, .named = {named[2]}}));
  CHECK(both.tokens.size() == 2);
  REQUIRE(both.named.size() == 1);
  CHECK(std::abs(both.named[0] - all[2]) < 1e-4);
  CHECK(wait(engine.score({.prompt = prompt, .named = {named[0]}})).tokens.empty());
  CHECK(error_of([&] { wait(score_options(engine, prompt, std::vector<std::string>())); }).code() ==
        Errc::invalid_parameter);
  CHECK(error_of([&] { wait(score_options(engine, prompt, std::vector<std::string>{"a", ""})); }).code() ==
        Errc::invalid_parameter);
  CHECK(error_of([&] { wait(token_scores(engine, prompt, {-1})); }).code() == Errc::invalid_parameter);
}

}  // namespace
}  // namespace dspy::llama
