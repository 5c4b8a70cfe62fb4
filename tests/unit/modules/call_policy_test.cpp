#include "dspy/modules/call_policy.hpp"

#include "dspy/adapters/chat_adapter.hpp"
#include "dspy/adapters/json_adapter.hpp"
#include "dspy/adapters/two_step_adapter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predictor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

using namespace dspy;

namespace {

std::shared_ptr<ScriptedLM> scripted(std::deque<std::string> replies) {
  return std::make_shared<ScriptedLM>(std::move(replies));
}

/// Goes on from a text, and tells from where the values of `Label: value` lines can be written, as a local model does.
class ContinuingLM final : public LM {
 public:
  explicit ContinuingLM(std::deque<std::string> replies) : replies_(std::move(replies)) {}

  std::string_view model() const noexcept override { return "continuing"; }
  Capabilities capabilities() const override { return {.prefill = true}; }
  Async<Reply> complete(Request request) override {
    REQUIRE_FALSE(replies_.empty());
    auto text = std::move(replies_.front());
    replies_.pop_front();
    // What is scripted says the heading too.
    const auto heading = request.prefill.text.substr(request.prefill.text.rfind('\n') + 1);
    if (!heading.empty()) {
      REQUIRE(text.starts_with(heading));
      text = request.prefill.text + text.substr(heading.size());
    }
    Reply reply(Completion{.text = text});
    for (const auto& output : request.contract.signature->outputs) {
      if (const auto at = text.find(output.label + ":"); at != std::string::npos)
        reply.completion().resume_points.push_back({output.name, at + output.label.size() + 1});
    }
    requests.push_back(std::move(request));
    co_return reply;
  }

  std::vector<Request> requests;

 private:
  std::deque<std::string> replies_;
};

bool has_flag(const Prediction& prediction, std::string_view field, std::string_view repair) {
  return std::ranges::contains(prediction.flags, Flag{std::string(field), std::string(repair)});
}

}  // namespace

TEST_CASE("A model is asked again once, and that shows") {
  const auto lm = scripted({"Answer: many", "Answer: 4"});
  const Predictor predict(Signature::parse("question -> answer: int"), {.lm = lm});

  const auto prediction = predict({{"question", "2+2?"}});

  CHECK(prediction.at("answer") == 4);
  CHECK(has_flag(prediction, "", "asked_again"));
  CHECK(prediction.usage().requests == 2);
  CHECK(prediction.completion == "Answer: 4");
  REQUIRE(prediction.failures.size() == 1);
  CHECK(prediction.failures[0].adapter == "field");
  CHECK(prediction.failures[0].completion == "Answer: many");
  CHECK(prediction.failures[0].reason == "the field `answer` cannot be read: `many` is not a whole number");
  CHECK(prediction.failures[0].violations == Violations{{"answer", "type", "many", "is not a whole number"}});
  CHECK(prediction.violations.empty());
  const auto messages = lm->requests()[1].messages;
  REQUIRE(messages.size() == 3);
  CHECK(messages[1] == Message{Role::assistant, "Answer: many"});
  CHECK(messages[2] == Message{Role::user,
                               "That reply cannot be used: the field `answer` cannot be read: `many` is not a whole "
                               "number. Write the whole reply again, in the form that was asked for."});
}

TEST_CASE("Only the last failure is shown, however often a model is asked again") {
  const auto lm = scripted({"Answer: a", "Answer: b", "Answer: c", "Answer: 4"});
  const Predictor predict(Signature::parse("question -> answer: int"), {.lm = lm, .policy = {.ask_again = 3}});

  const auto prediction = predict({{"question", "2+2?"}});

  CHECK(prediction.failures.size() == 3);
  for (std::size_t i = 1; i < 4; ++i) CHECK(lm->requests()[i].messages.size() == 3);
  CHECK(lm->requests()[3].messages[1].text() == "Answer: c");
}

TEST_CASE("A call that may not ask again fails at once, with what could be read") {
  const auto lm = scripted({"Answer: x", "never asked for"});
  const Predictor predict(Signature::parse("question -> answer, score: float"), {.lm = lm, .policy = {.ask_again = 0}});

  const auto result = attempt([&] { return predict({{"question", "?"}}); });

  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::parse_error);
  CHECK(result.error().info().missing == std::vector<std::string>{"score"});
  CHECK(result.error().info().partial == JsonObject{{"answer", "x"}});
  CHECK(result.error().info().violations == Violations{{"score", "missing", nullptr, "is missing"}});
  CHECK(lm->requests().size() == 1);
}

TEST_CASE("After the last failure, the error tells of that one") {
  const Predictor predict(Signature::parse("question -> answer: int"), {.lm = scripted({"Answer: a", "Answer: b"})});

  const auto result = attempt([&] { return predict({{"question", "?"}}); });

  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().info().raw == "Answer: b");
}

TEST_CASE("A fallback to another adapter happens where the policy names it, and shows") {
  const auto lm = scripted({"nothing of use", R"({"a": 1, "b": 2})"});
  const Predictor predict(Signature::parse("question -> a: int, b: int"),
                          {.lm = lm,
                           .adapter = std::make_shared<ChatAdapter>(),
                           .policy = {.ask_again = 0, .fallback = std::make_shared<JsonAdapter>()}});

  const auto prediction = predict({{"question", "?"}});

  CHECK(prediction.adapter == "json");
  CHECK(has_flag(prediction, "", "fallback"));
  CHECK_FALSE(has_flag(prediction, "", "asked_again"));
  REQUIRE(prediction.failures.size() == 1);
  CHECK(prediction.failures[0].adapter == "chat");
  CHECK(lm->requests()[1].contract.form == OutputContract::Form::json);
  CHECK(lm->requests()[1].messages.back().text().contains("JSON object"));
}

TEST_CASE("A fallback that cannot be read either is the end") {
  const auto lm = scripted({"no", "no"});
  const Predictor predict(Signature::parse("question -> a: int, b: int"),
                          {.lm = lm,
                           .adapter = std::make_shared<ChatAdapter>(),
                           .policy = {.ask_again = 0, .fallback = std::make_shared<JsonAdapter>()}});

  CHECK_FALSE(attempt([&] { return predict({{"question", "?"}}); }).has_value());
  CHECK(lm->requests().size() == 2);
}

TEST_CASE("What could be read is accepted where the policy says so, and each gap shows") {
  const Predictor predict(Signature::parse("question -> answer, score: float, label, note: Optional[str]"),
                          {.lm = scripted({"Answer: yes\nScore: high"}),
                           .policy = {.ask_again = 0, .finally = CallPolicy::Finally::accept}});

  const auto prediction = predict({{"question", "?"}});

  CHECK(prediction.data == JsonObject{{"answer", "yes"}, {"note", nullptr}});
  CHECK(has_flag(prediction, "", "accepted"));
  CHECK(has_flag(prediction, "score", "unreadable"));
  CHECK(has_flag(prediction, "label", "missing"));
  CHECK(prediction.failures.size() == 1);
}

TEST_CASE("A value that breaks only a limit is accepted with a flag where the policy says so") {
  const Predictor predict(
      Signature::parse("question -> score: Annotated[int, Field(ge=0, le=10)]"),
      {.lm = scripted({"Score: 12"}), .policy = {.ask_again = 0, .finally = CallPolicy::Finally::accept}});

  const auto prediction = predict({{"question", "?"}});

  CHECK(prediction.at("score") == 12);
  CHECK(has_flag(prediction, "score", "broken_limit"));
  CHECK(prediction.violations == Violations{{"score", "le", 12, "is 12, above the maximum 10"}});
}

TEST_CASE("A broken limit reaches the caller by place, rule and value") {
  const Predictor predict(Signature::parse("question -> lines: list[Line{price: Annotated[float, Field(ge=0)]}]"),
                          {.lm = scripted({R"({"lines": [{"price": 1}, {"price": -2.5}]})"}),
                           .adapter = std::make_shared<JsonAdapter>(),
                           .policy = {.ask_again = 0}});

  const auto result = attempt([&] { return predict({{"question", "?"}}); });

  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().info().invalid == std::vector<std::string>{"lines"});
  CHECK(result.error().info().violations == Violations{{"lines[1].price", "ge", -2.5, "is -2.5, below the minimum 0"}});
}

TEST_CASE("Once a stream has handed out something there is no second request") {
  const auto signature = Signature::parse("question -> reasoning, count: int");
  for (const CallPolicy& policy : {CallPolicy{}, CallPolicy{.rewrite = 1, .ask_again = 3},
                                   CallPolicy{.ask_again = 0, .fallback = std::make_shared<JsonAdapter>()}}) {
    const Predictor predict(signature, {.lm = scripted({"Reasoning: first\nCount: many"}), .policy = policy});
    std::map<std::string, std::string, std::less<>> texts;

    const auto result = attempt([&] {
      return predict.stream({{"question", "?"}}, [&](const FieldEvent& event) {
        CHECK_FALSE(event.restart);
        texts[std::string(event.field)] += event.text;
      });
    });

    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code() == Errc::parse_error);
    CHECK(result.error().info().invalid == std::vector<std::string>{"count"});
    CHECK(std::string_view(result.error().what()).contains("because part of the reply had already been streamed"));
    CHECK(texts["reasoning"] == "first");
  }

  const Predictor accepting(signature, {.lm = scripted({"Reasoning: first\nCount: many"}),
                                        .policy = {.ask_again = 2, .finally = CallPolicy::Finally::accept}});
  CHECK(accepting.stream({{"question", "?"}}, [](const FieldEvent&) {}).at("reasoning") == "first");
}

TEST_CASE("A stream that has handed out nothing asks again") {
  const Predictor predict(Signature::parse("question -> answer"), {.lm = scripted({"", "Answer: 4"})});

  const auto prediction = predict.stream({{"question", "?"}}, [](const FieldEvent&) {});

  CHECK(prediction.at("answer") == "4");
  CHECK(has_flag(prediction, "", "asked_again"));
}

TEST_CASE("A stream takes back what a refused reply handed out, where that is allowed") {
  const Predictor predict(Signature::parse("question -> reasoning, count: int"),
                          {.lm = scripted({"Reasoning: first\nCount: many", "Reasoning: second\nCount: 3"}),
                           .policy = {.streamed = CallPolicy::Streamed::take_back}});
  std::map<std::string, std::string, std::less<>> texts;

  const auto prediction = predict.stream({{"question", "?"}}, [&](const FieldEvent& event) {
    auto& text = texts[std::string(event.field)];
    if (event.restart) text.clear();
    text += event.text;
  });

  CHECK(texts["reasoning"] == "second");
  CHECK(texts["count"] == "3");
  CHECK(prediction.at("count") == 3);
  CHECK(has_flag(prediction, "", "asked_again"));
}

TEST_CASE("Two steps are two requests, and both show") {
  const auto thinker = scripted({"It is four, since two and two make four."});
  const auto extractor =
      scripted({"[[ ## answer ## ]]\nmany\n[[ ## completed ## ]]", "[[ ## answer ## ]]\n4\n[[ ## completed ## ]]"});
  const Predictor predict(
      Signature::parse("question -> answer: int"),
      {.lm = thinker, .adapter = std::make_shared<TwoStepAdapter>(TwoStepAdapterOptions{.extraction_lm = extractor})});

  const auto prediction = predict({{"question", "2+2?"}});

  CHECK(prediction.at("answer") == 4);
  CHECK(prediction.adapter == "two_step");
  CHECK(prediction.draft == "It is four, since two and two make four.");
  CHECK(prediction.usage().requests == 3);
  CHECK(thinker->requests()[0].contract.form == OutputContract::Form::text);
  REQUIRE(extractor->requests().size() == 2);  // only the step that failed is done again
  CHECK(extractor->requests()[0].contract.form == OutputContract::Form::markers);
  CHECK(extractor->requests()[0].messages.back().text().contains("[[ ## text ## ]]\nIt is four, since"));
}

TEST_CASE("A stream of two steps is that of the second one's fields") {
  const Predictor predict(Signature::parse("question -> reasoning, answer: int"),
                          {.lm = scripted({"Two and two make four.",
                                           "[[ ## reasoning ## ]]\nTwo and two.\n\n[[ ## answer ## ]]\n4\n\n"
                                           "[[ ## completed ## ]]"}),
                           .adapter = std::make_shared<TwoStepAdapter>()});
  std::map<std::string, std::string, std::less<>> texts;

  const auto prediction = predict.stream({{"question", "2+2?"}}, [&](const FieldEvent& event) {
    CHECK_FALSE(event.restart);
    texts[std::string(event.field)] += event.text;
  });

  CHECK(texts["reasoning"] == "Two and two.");
  CHECK(texts["answer"] == "4");
  CHECK(prediction.at("answer") == 4);
  CHECK(prediction.draft == "Two and two make four.");
}

TEST_CASE("An error of the model itself is nothing to ask again about") {
  const auto lm = scripted({"Answer: many"});
  const Predictor predict(Signature::parse("question -> answer: int"), {.lm = lm});

  const auto result = attempt([&] { return predict({{"question", "?"}}); });

  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::inference_failed);
}

TEST_CASE("A model that declines is not asked again, and its words are kept") {
  const auto lm = std::make_shared<ScriptedLM>([](const Request&) {
    Completion completion;
    completion.refusal = "I cannot help with that.";
    return Reply(std::move(completion));
  });
  const Predictor predict(Signature::parse("question -> answer: int"), {.lm = lm});

  const auto result = attempt([&] { return predict({{"question", "?"}}); });

  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::refused);
  CHECK(std::string(result.error().what()).contains("I cannot help with that."));
  CHECK(result.error().info().usage.requests == 1);
}

TEST_CASE("A value at the end of a reply that was cut off is none, unless it is a text") {
  const auto cut = [](std::string text) {
    return std::make_shared<ScriptedLM>([text = std::move(text)](const Request&) {
      Completion completion{.text = text};
      completion.finish = FinishReason::length;
      return Reply(std::move(completion));
    });
  };
  struct Case {
    const char* signature;
    const char* reply;
    bool is_read;
  };
  for (const auto& [signature, reply, is_read] : std::vector<Case>{
           {"question -> answer: int", "Answer: 12", false},
           {"question -> answer: int", "Answer: 12\n\nQuestion: an", true},
           {"question -> answer: list[int]", "Answer: [1, 2]", true},
           {"question -> answer: list[str]", "Answer: red, gre", false},
           {"question -> answer: bool", "Answer: true", true},
           {"question -> answer: Literal['no', 'none']", "Answer: no", false},
           {"question -> answer: Literal['no', 'none']", "Answer: none", true},
           {"question -> answer", "Answer: It is a lo", true},
       }) {
    CAPTURE(reply);
    const Predictor predict(Signature::parse(signature), {.lm = cut(reply), .policy = {.ask_again = 0}});
    const auto result = attempt([&] { return predict({{"question", "?"}}); });
    CHECK(result.has_value() == is_read);
    if (result) CHECK(has_flag(*result, "", "cut_at_max_tokens"));
  }
}

TEST_CASE("A wrong value is written again, with what stands before it kept") {
  const auto lm = std::make_shared<ContinuingLM>(
      std::deque<std::string>{"Name: Ann\nAge: old\nTown: Rome", "Age: 200\nTown: Oslo", "Age: 30\nTown: Lima"});
  const Predictor predict(Signature::parse("text -> name, age: Annotated[int, Field(le=150)], town"),
                          {.lm = lm, .sampling = {.temperature = 0, .seed = 5}, .policy = {.rewrite = 2}});

  const auto prediction = predict({{"text", "…"}});

  CHECK(prediction.data == JsonObject{{"name", "Ann"}, {"age", 30}, {"town", "Lima"}});
  CHECK(prediction.failures.size() == 2);
  CHECK(has_flag(prediction, "", "rewritten"));
  CHECK_FALSE(has_flag(prediction, "", "asked_again"));
  REQUIRE(lm->requests.size() == 3);
  for (const auto i : {1, 2}) {
    const auto& request = lm->requests[static_cast<std::size_t>(i)];
    CHECK(request.prefill.text == "Name: Ann\nAge:");
    CHECK(request.messages == lm->requests[0].messages);
    CHECK(request.sampling.temperature == 0);
    CHECK(request.sampling.field_temperatures.at("age") == 0.7);
    CHECK(request.sampling.seed != lm->requests[static_cast<std::size_t>(i) - 1].sampling.seed);
  }
}

TEST_CASE("Each time a value is written again it is drawn anew, also where only the LM has a seed") {
  const auto lm = std::make_shared<ContinuingLM>(std::deque<std::string>{"Age: a", "Age: b", "Age: c", "Age: 5"});
  const Predictor predict(Signature::parse("text -> age: int"), {.lm = lm, .policy = {.rewrite = 3}});

  CHECK(predict({{"text", "…"}}).at("age") == 5);

  std::set<std::optional<std::uint64_t>> seeds;
  for (const auto& request : lm->requests) seeds.insert(request.sampling.seed);
  CHECK(seeds.size() == 4);
}

TEST_CASE("Where writing again does not help, the model is asked again") {
  const auto lm =
      std::make_shared<ContinuingLM>(std::deque<std::string>{"Age: old", "Age: older", "Age: very old", "Age: 5"});
  const Predictor predict(Signature::parse("text -> age: int"), {.lm = lm, .policy = {.rewrite = 2, .ask_again = 1}});

  const auto prediction = predict({{"text", "…"}});

  CHECK(prediction.at("age") == 5);
  REQUIRE(lm->requests.size() == 4);
  CHECK(lm->requests[2].prefill.text == "Age:");
  CHECK(lm->requests[3].prefill.is_empty());
  CHECK(lm->requests[3].messages.size() == 3);
}

TEST_CASE("After asking again, a value is written again in the reply to that") {
  const auto lm = std::make_shared<ContinuingLM>(std::deque<std::string>{"nothing of the kind", "Age: old", "Age: 5"});
  const Predictor predict(Signature::parse("text -> age: int, name"), {.lm = lm, .policy = {.rewrite = 1}});

  const auto result = attempt([&] { return predict({{"text", "…"}}); });

  CHECK_FALSE(result.has_value());  // the name is still missing
  REQUIRE(lm->requests.size() == 3);
  CHECK(lm->requests[1].messages.size() == 3);
  CHECK(lm->requests[2].messages == lm->requests[1].messages);
  CHECK(lm->requests[2].prefill.text == "Age:");
}

TEST_CASE("A stream takes back what was handed out before a value is written again") {
  const auto lm = std::make_shared<ContinuingLM>(std::deque<std::string>{"Name: Ann\nAge: old", "Age: 30"});
  const Predictor predict(Signature::parse("text -> name, age: int"),
                          {.lm = lm, .policy = {.rewrite = 1, .streamed = CallPolicy::Streamed::take_back}});
  std::map<std::string, std::string> shown;

  const auto prediction = predict.stream({{"text", "…"}}, [&](const FieldEvent& event) {
    auto& text = shown[std::string(event.field)];
    if (event.restart) text.clear();
    text += event.text;
  });

  CHECK(prediction.at("age") == 30);
  CHECK(shown == std::map<std::string, std::string>{{"name", "Ann"}, {"age", "30"}});
}

TEST_CASE("A model that cannot go on from a text is asked again instead") {
  const auto lm = scripted({"Answer: many", "Answer: 4"});
  const Predictor predict(Signature::parse("question -> answer: int"), {.lm = lm, .policy = {.rewrite = 3}});

  CHECK(has_flag(predict({{"question", "2+2?"}}), "", "asked_again"));
  CHECK(lm->requests()[1].prefill.is_empty());
}

TEST_CASE("A policy out of range is refused") {
  for (const CallPolicy& policy : {CallPolicy{.rewrite = -1}, CallPolicy{.ask_again = -1}}) {
    const auto result = attempt([&] { Predictor(Signature::parse("a -> b"), {.policy = policy}); });

    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code() == Errc::invalid_parameter);
  }
}
