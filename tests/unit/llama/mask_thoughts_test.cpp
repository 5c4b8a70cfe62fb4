#include "llama/mask/contract.hpp"
#include "support/mask/accepts.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string_view>
#include <vector>

using namespace dspy;
using namespace dspy::llama::mask;
using Form = OutputContract::Form;

TEST_CASE("thoughts may come before a held reply, and end where they first close") {
  const auto grammar = compile({.form = Form::choices, .choices = {"yes", "no"}, .may_think = true});
  struct Case {
    std::string_view text;
    bool held;
  };
  const std::vector<Case> cases = {
      {"yes", true},
      {"<think></think>yes", true},
      {"<think>\nPerhaps. < </ </thin </think\xC3\xA9\n</think>\n\nno", true},
      {"<think>a</think>    no", true},
      {"<think>a</think>\n\n\n\n\nno", false},
      {"<think>a</think>b</think>no", false},
      {"<think>a</think><think>b</think>no", false},
      {"<think>a</think>", false},
      {"<think>yes", false},
      {"\n<think>a</think>yes", false},
      {"<think>\xFF</think>yes", false},
  };
  for (const auto& [text, held] : cases) {
    CAPTURE(text);
    CHECK(test::accepts(grammar, text) == held);
  }
}

TEST_CASE("without the option thoughts are not a part of a reply") {
  const auto grammar = compile({.form = Form::choices, .choices = {"yes", "no"}});

  CHECK_FALSE(test::accepts(grammar, "<think></think>yes"));
}

TEST_CASE("thoughts may come before every form of a signature's outputs") {
  const auto signature = std::make_shared<const Signature>(Signature::parse("question -> answer, score: int"));
  struct Case {
    Form form;
    std::string_view reply;
  };
  for (const auto& [form, reply] :
       {Case{Form::fields, "Answer: Rome\nScore: 3"},
        Case{Form::markers, "[[ ## answer ## ]]\nRome\n\n[[ ## score ## ]]\n3\n\n[[ ## completed ## ]]"},
        Case{Form::json, "{\n  \"answer\": \"Rome\",\n  \"score\": 3\n}"},
        Case{Form::xml, "<answer>\nRome\n</answer>\n\n<score>\n3\n</score>"}}) {
    CAPTURE(reply);
    const auto grammar = compile({.form = form, .signature = signature, .may_think = true});

    CHECK(test::accepts(grammar, reply));
    CHECK(test::accepts(grammar, "<think>Answer: 1\n[[ ## score ## ]]</think>\n\n" + std::string(reply)));
    CHECK_FALSE(test::accepts(grammar, "<think>" + std::string(reply)));
  }
}
