#include "llama/engine/reply/thought_budget.hpp"

#include "dspy/llama/engine.hpp"
#include "engine_fixture.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string_view>

namespace dspy::llama {
namespace {

using Form = OutputContract::Form;

TEST_CASE("thoughts are counted from the opening tag on, and end with the closing one") {
  ThoughtBudget budget(2);
  for (const auto piece : {"\n", "<th", "ink>"}) {
    CHECK_FALSE(budget.is_spent());
    budget.push(piece);
  }
  CHECK_FALSE(budget.is_spent());
  budget.push("one");
  CHECK_FALSE(budget.is_spent());
  budget.push(" two");
  CHECK(budget.is_spent());
  CHECK(budget.closing() == "\n</think>\n\n");
  budget.push("\n</thi");
  CHECK(budget.closing() == "nk>\n\n");
  budget.push("nk>");
  CHECK_FALSE(budget.is_spent());
  budget.push("a long answer");
  CHECK_FALSE(budget.is_spent());
}

TEST_CASE("a reply without thoughts, or without a limit, has nothing to be spent") {
  ThoughtBudget answer(0);
  for (const auto piece : {"I", " <think>", "so"}) answer.push(piece);
  CHECK_FALSE(answer.is_spent());
  ThoughtBudget none(std::nullopt);
  for (const auto piece : {"<think>", "a", "b", "c"}) none.push(piece);
  CHECK_FALSE(none.is_spent());
  ThoughtBudget nothing(0);
  nothing.push("<think>");
  CHECK(nothing.is_spent());
}

TEST_CASE_FIXTURE(test::EmbeddedModel, "an engine ends thoughts that are too long, and the answer follows") {
  Engine engine(model, {.context_length = 512, .threads = 1});
  for (const int most : {0, 5}) {
    CAPTURE(most);
    const auto reply =
        wait(engine.generate({.prompt = model->tokenize(Chat{{Role::user, "Where does Tom live?"}}),
                              .sampling = {.max_tokens = 60, .temperature = 1.5, .seed = 7},
                              .contract = {.form = Form::choices, .choices = {"yes", "no"}, .may_think = true},
                              .prefill = "<think>\n",
                              .thought_tokens = most}));
    const std::string_view text = reply.text;
    const auto closing = text.find("</think>");
    REQUIRE(closing != text.npos);
    CHECK(model->count_tokens(text.substr(0, closing)) <= 8 + static_cast<std::size_t>(most) * 2);
    CHECK((text.ends_with("yes") || text.ends_with("no")));
  }
}

}  // namespace
}  // namespace dspy::llama
