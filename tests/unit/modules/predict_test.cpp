#include "dspy/modules/predict.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/chain_of_thought.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/signature/notes.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace dspy;

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

struct Ask {
  struct Input {
    std::string question;
  };
  struct Output {
    std::string answer;
    double confidence = 0;
  };
  static constexpr auto fields = describe(field<&Output::confidence>(between(0, 1)));
};

std::shared_ptr<ScriptedLM> scripted(std::deque<std::string> replies) {
  return std::make_shared<ScriptedLM>(std::move(replies));
}

}  // namespace

TEST_CASE("Predict gives back the user's own types") {
  const auto lm = scripted({"Category: damage\nPriority: high\nRefund requested: true"});
  const Predict<Triage> triage({.lm = lm});

  const auto out = triage({.ticket = "My order A-1043 arrived broken!"});

  CHECK(out.category == "damage");
  CHECK(out.priority == Triage::Priority::high);
  CHECK(out.refund_requested);
  CHECK(out.usage().requests == 1);
  CHECK(out.prediction().at("priority") == "high");
  CHECK(lm->requests()[0].messages ==
        Chat{{Role::system, "Sort the support ticket."},
             {Role::user,
              "Ticket: My order A-1043 arrived broken!\n\nCategory:\nPriority: (one of: low, medium, high)\n"
              "Refund requested: (true or false)"}});
}

TEST_CASE("Predict from text is the same module with values by name") {
  Predict quick("question -> answer: float", {.lm = scripted({"Answer: 3"})});
  CHECK(quick({{"question", "?"}}).at("answer").as_double() == 3.0);

  const std::string notation = "a -> b";
  CHECK(Predict(notation).signature().outputs[0].name == "b");
  CHECK(Predict(Signature::parse("a -> b", "Do.")).signature().instructions == "Do.");
  CHECK_THROWS_AS(Predict("question answer"), Error);
}

TEST_CASE("A limit of the signature is enforced on the reply") {
  const Predict<Ask> ask({.lm = scripted({"Answer: x\nConfidence: 1.5"}), .policy = {.ask_again = 0}});

  const auto result = attempt([&] { return ask({.question = "?"}); });

  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().info().invalid == std::vector<std::string>{"confidence"});
}

TEST_CASE("ChainOfThought asks for the reasoning first and returns it beside the answer") {
  const auto lm = scripted({"Reasoning: two and two\nAnswer: 4\nConfidence: 1"});
  const ChainOfThought<Ask> ask({.lm = lm});

  const auto out = ask({.question = "2+2?"});

  CHECK(out.reasoning == "two and two");
  CHECK(out.answer == "4");
  CHECK(out.confidence == 1.0);
  CHECK(lm->requests()[0].messages[0].text() ==
        "Question: 2+2?\n\nReasoning:\nAnswer:\nConfidence: (a number from 0 to 1)");
}

TEST_CASE("ChainOfThought from text does the same, and refuses a second reasoning") {
  const ChainOfThought ask("question -> answer: int", {.lm = scripted({"Reasoning: so\nAnswer: 4"})});
  const auto out = ask({{"question", "2+2?"}});
  CHECK(out.at("reasoning") == "so");
  CHECK(out.at("answer") == 4);
  CHECK_THROWS_AS(ChainOfThought("question -> reasoning, answer"), Error);
}

TEST_CASE("Typed modules stream and run as coroutines") {
  std::string thought;
  const ChainOfThought<Ask> ask(
      {.lm = scripted({"Reasoning: hm\nAnswer: 4\nConfidence: 1", "Reasoning: aha\nAnswer: 5\nConfidence: 1",
                       "Reasoning: oh\nAnswer: 6\nConfidence: 1"})});

  const auto out = ask.stream({.question = "?"}, [&](const FieldEvent& event) {
    if (event.field == "reasoning") thought += event.text;
  });
  CHECK(thought == "hm");
  CHECK(out.answer == "4");
  CHECK(wait(ask.acall({.question = "?"})).reasoning == "aha");
  CHECK(wait(ask.astream({.question = "?"}, [](const FieldEvent&) {})).answer == "6");
}

TEST_CASE("History of a typed module keeps what was said") {
  const auto lm = scripted({"Answer: Emma\nConfidence: 1", "Answer: Austen\nConfidence: 1"});
  const Predict<Ask> ask({.lm = lm});
  History history;

  const Ask::Input first{.question = "A novel?"};
  history.append(ask.to_values(first), ask(first).prediction());
  ask({.question = "By whom?"}, {.history = history});

  CHECK(lm->requests()[1].messages[1] == Message{Role::assistant, "Answer: Emma\nConfidence: 1"});
}

namespace {

struct Pipeline {
  Predict<Triage> triage;
  struct Stage {
    ChainOfThought<> draft{"text -> reply"};
    std::vector<Predict<>> checks;
  } stage;
  int rounds = 2;

  Prediction operator()(const std::string& text) const { return stage.draft({{"text", text}}); }
};

class Guarded {
 public:
  template <class F>
  void for_each_predictor(F&& visit) {
    visit("inner", inner_);
  }

 private:
  Predictor inner_{Signature::parse("a -> b")};
};

}  // namespace

TEST_CASE("A program is a plain struct: its predictors are found by name") {
  Pipeline program;
  program.stage.checks.emplace_back("reply -> ok: bool");
  program.stage.checks.emplace_back("reply -> polite: bool");

  std::vector<std::string> paths;
  for (const auto& [path, predictor] : named_predictors(program)) paths.push_back(path);

  CHECK(paths == std::vector<std::string>{"triage", "stage.draft.predict", "stage.checks[0]", "stage.checks[1]"});
  Predict<> lone("a -> b");
  CHECK(named_predictors(lone)[0].first == "self");
  ChainOfThought<Ask> thoughtful;
  CHECK(named_predictors(thoughtful)[0].first == "predict");
  struct WithHook {
    Guarded guarded;
  } with_hook;
  CHECK(named_predictors(with_hook)[0].first == "guarded.inner");
  const Pipeline& constant = program;
  CHECK(named_predictors(constant)[3].second->signature().outputs[0].name == "polite");
}

TEST_CASE("Predictors in a map are found by their keys") {
  struct Experts {
    std::map<std::string, ChainOfThought<>> by_field;
  } program;
  program.by_field.emplace("law", "case -> advice");
  program.by_field.emplace("art", "picture -> painter");

  const auto found = named_predictors(program);

  REQUIRE(found.size() == 2);
  CHECK(found[0].first == "by_field['art'].predict");
  CHECK(found[1].second->signature().outputs[1].name == "advice");
}

TEST_CASE("A copy of a program is deep, and with_lm makes one that differs in its LM only") {
  Pipeline program;
  const auto lm = scripted({"Reasoning: r\nReply: from the copy"});

  auto other = with_lm(program, lm);
  other.stage.draft.set_demos({Example({{"text", "t"}, {"reply", "r"}}, {"text"})});

  CHECK(program.stage.draft.lm() == nullptr);
  CHECK(program.stage.draft.demos().empty());
  CHECK(other.triage.predictor().lm() == lm);
  CHECK(other("hello").at("reply") == "from the copy");
}
