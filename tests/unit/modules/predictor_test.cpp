#include "dspy/modules/predictor.hpp"

#include "dspy/adapters/field_adapter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/configure.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

using namespace dspy;

namespace {

std::shared_ptr<ScriptedLM> scripted(std::deque<std::string> replies) {
  return std::make_shared<ScriptedLM>(std::move(replies));
}

/// Runs `call` and returns the error it must throw.
template <class F>
Error error_of(F&& call) {
  const auto result = attempt(std::forward<F>(call));
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

}  // namespace

TEST_CASE("A predictor asks its LM and reads the reply") {
  const auto lm = scripted({"Answer: 4"});
  const Predictor predict(Signature::parse("question -> answer: int", "Be exact."), {.lm = lm});

  const auto prediction = predict({{"question", "2+2?"}});

  CHECK(prediction.at("answer").as_int64() == 4);
  CHECK(prediction.completion == "Answer: 4");
  CHECK(prediction.flags.empty());
  CHECK(prediction.usage().requests == 1);
  const auto requests = lm->requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].messages ==
        Chat{{Role::system, "Be exact."}, {Role::user, "Question: 2+2?\n\nAnswer: (a whole number)"}});
  CHECK(requests[0].contract.form == OutputContract::Form::fields);
  CHECK(requests[0].contract.signature->outputs[0].name == "answer");
}

TEST_CASE("A predictor refuses bad inputs before it asks") {
  const auto lm = scripted({});
  const Predictor predict(Signature::parse("question, count: int -> answer"), {.lm = lm});

  CHECK(error_of([&] { predict({{"question", "?"}}); }).code() == Errc::bad_input);
  CHECK(error_of([&] { predict({{"question", "?"}, {"count", "three"}}); }).code() == Errc::bad_input);
  CHECK(error_of([&] { predict({{"question", "?"}, {"count", 3}, {"other", 1}}); }).code() == Errc::bad_input);
  CHECK(lm->requests().empty());
}

TEST_CASE("A reply that cannot be read is a parse error with what could be read") {
  const Predictor predict(Signature::parse("question -> answer, score: float, label"),
                          {.lm = scripted({"Answer: yes\nScore: high"}), .policy = {.ask_again = 0}});

  const auto error = error_of([&] { predict({{"question", "?"}}); });

  CHECK(error.code() == Errc::parse_error);
  CHECK(error.info().missing == std::vector<std::string>{"label"});
  CHECK(error.info().invalid == std::vector<std::string>{"score"});
  CHECK(error.info().raw == "Answer: yes\nScore: high");
  CHECK(error.info().partial == JsonObject{{"answer", "yes"}});
}

TEST_CASE("Without an LM a call says how to get one") {
  const Predictor predict(Signature::parse("question -> answer"));

  const auto error = error_of([&] { predict({{"question", "?"}}); });

  CHECK(error.code() == Errc::config_error);
  CHECK(std::string(error.what()).contains("configure one for all"));
}

TEST_CASE("Sampling of the call goes before the predictor's") {
  const auto lm = scripted({"x"});
  const Predictor predict(Signature::parse("question -> answer"),
                          {.lm = lm, .sampling = {.max_tokens = 7, .temperature = 0.5}});

  predict({{"question", "?"}}, {.sampling = {.temperature = 0.0}});

  CHECK(lm->requests()[0].sampling.max_tokens == 7);
  CHECK(lm->requests()[0].sampling.temperature == 0.0);
  CHECK(error_of([] { Predictor(Signature::parse("a -> b"), {.sampling = {.max_tokens = 0}}); }).code() ==
        Errc::invalid_parameter);
}

TEST_CASE("Copies of a predictor are independent") {
  Predictor original(Signature::parse("question -> answer", "One."), {.lm = scripted({"x"})});
  auto copy = original;

  copy.set_signature(original.signature().with_instructions("Two."));
  copy.set_demos({Example({{"question", "q"}, {"answer", "a"}}, {"question"})});

  CHECK(original.signature().instructions == "One.");
  CHECK(original.demos().empty());
  CHECK(copy.render({{"question", "?"}}).size() == 4);
}

TEST_CASE("State never leaks from one call into the next") {
  const auto lm = scripted({"Answer: one", "Answer: two", "nothing useful in two fields", "Answer: four\nWhy: so"});
  const Predictor predict(Signature::parse("question -> answer, why: Optional[str]"),
                          {.lm = lm, .policy = {.ask_again = 0}});

  CHECK(predict({{"question", "1"}}).at("answer") == "one");
  CHECK(predict({{"question", "2"}}).at("why").is_null());
  CHECK(error_of([&] { predict({{"question", "3"}}); }).code() == Errc::parse_error);
  CHECK(predict({{"question", "4"}}).at("why") == "so");
  for (const auto& request : lm->requests()) CHECK(request.messages.size() == 1);
}

TEST_CASE("History stands before the question, and belongs to the caller") {
  const auto lm = scripted({"Answer: Jane Austen", "Answer: 1815"});
  const Predictor predict(Signature::parse("question -> answer"), {.lm = lm});
  History history;

  const JsonObject first{{"question", "Who wrote Emma?"}};
  history.append(first, predict(first));
  predict({{"question", "When?"}}, {.history = history});

  CHECK(lm->requests()[1].messages == Chat{{Role::user, "Question: Who wrote Emma?\n\nAnswer:"},
                                           {Role::assistant, "Answer: Jane Austen"},
                                           {Role::user, "Question: When?\n\nAnswer:"}});
}

TEST_CASE("A field's text streams as it arrives, and ends in the same prediction") {
  const Predictor predict(Signature::parse("question -> reasoning, answer"),
                          {.lm = scripted({"Reasoning: two and two\nAnswer: it is four"})});
  std::vector<std::pair<std::string, std::string>> fields;
  int events = 0;

  const auto prediction = predict.stream({{"question", "2+2?"}}, [&](const FieldEvent& event) {
    ++events;
    if (fields.empty() || fields.back().first != event.field) fields.emplace_back(event.field, "");
    fields.back().second += event.text;
  });

  CHECK(events > 4);
  REQUIRE(fields.size() == 2);
  CHECK(fields[0] == std::pair<std::string, std::string>("reasoning", "two and two"));
  CHECK(fields[1] == std::pair<std::string, std::string>("answer", "it is four"));
  CHECK(prediction.at("answer") == "it is four");
}

TEST_CASE("What a stream's sink throws reaches the caller") {
  const Predictor predict(Signature::parse("question -> answer"), {.lm = scripted({"a b c d e f"})});

  CHECK_THROWS_AS(predict.stream({{"question", "?"}}, [](const FieldEvent&) { throw std::runtime_error("enough"); }),
                  std::runtime_error);
}

TEST_CASE("acall and astream may outlive what they were made from") {
  auto call = [] {
    const Predictor predict(Signature::parse("question -> answer"), {.lm = scripted({"Answer: kept"})});
    return predict.acall({{"question", "?"}}, {.sampling = {.temperature = 0.0}});
  }();
  CHECK(wait(std::move(call)).at("answer") == "kept");

  std::string seen;
  auto stream = [&] {
    const Predictor predict(Signature::parse("question -> answer"), {.lm = scripted({"Answer: kept too"})});
    return predict.astream({{"question", "?"}}, [&](const FieldEvent& event) { seen += event.text; });
  }();
  CHECK(wait(std::move(stream)).at("answer") == "kept too");
  CHECK(seen == "kept too");
}

TEST_CASE("One predictor serves many threads") {
  const auto lm = std::make_shared<ScriptedLM>([](const Request& request) {
    const auto& text = request.messages.back().text();
    return "Answer: " + text.substr(10, text.find('\n') - 10);
  });
  const Predictor predict(Signature::parse("question -> answer"), {.lm = lm});
  std::atomic<int> right = 0;

  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const auto text = std::to_string(t * 1000 + i);
        right += predict({{"question", text}}).at("answer") == Json(text);
      }
    });
  }
  threads.clear();

  CHECK(right == 400);
}

TEST_CASE("configure sets what predictors use by default, each part on its own") {
  const auto before = settings();
  const auto lm = scripted({"Answer: default"});

  configure({.lm = lm});

  CHECK(settings().lm == lm);
  CHECK(settings().adapter->name() == "field");
  CHECK(Predictor(Signature::parse("question -> answer"))({{"question", "?"}}).at("answer") == "default");
  const auto adapter = std::make_shared<FieldAdapter>();
  configure({.adapter = adapter});
  CHECK(settings().adapter == adapter);
  CHECK(settings().lm == lm);
  configure(before);
}
