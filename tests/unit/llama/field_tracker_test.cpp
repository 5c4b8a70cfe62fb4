#include "llama/mask/field_tracker.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace dspy;
using namespace dspy::llama::mask;
using Form = OutputContract::Form;

namespace {

/// The output of each byte: its place among `a`, `b`, …, or a dot.
std::string fields_of(const OutputContract& contract, std::string_view reply, std::size_t step) {
  FieldTracker tracker(contract);
  std::string out;
  for (std::size_t at = 0; at < reply.size(); at += step) {
    const auto piece = reply.substr(at, step);
    const auto field = tracker.push(piece);
    out.append(piece.size(), field ? static_cast<char>('a' + *field) : '.');
  }
  return out;
}

OutputContract literal_contract() {
  return {
      .form = Form::xml,
      .signature = std::make_shared<const Signature>(Signature::parse("question -> mood: Optional[str], score: int")),
      .literal_text = true};
}

OutputContract contract(Form form, bool may_think = false) {
  return {.form = form,
          .signature = std::make_shared<const Signature>(Signature::parse("question -> mood, score: int")),
          .may_think = may_think};
}

}  // namespace

TEST_CASE("each byte of a reply belongs to the output whose heading came last") {
  struct Case {
    OutputContract contract;
    std::string_view reply, fields;
  };
  const std::vector<Case> cases = {
      {contract(Form::fields), "Mood: ok\nScore: 3", ".....aaaaaaaaaabb"},
      {contract(Form::json), "{\n  \"mood\": \"x\",\n  \"score\": 3\n}", "...........aaaaaaaaaaaaaaaabbbb"},
      {contract(Form::xml), "<mood>\nx\n</mood>\n\n<score>\n3\n</score>", "......aaaaaaaaaaaaaaaaaaabbbbbbbbbbb"},
      {literal_contract(), "<mood/>\n\n<score>3</score>", ".......aaaaaaaaabbbbbbbbb"},
      {literal_contract(), "<mood>x</mood>\n\n<score>3</score>", "......aaaaaaaaaaaaaaaaabbbbbbbbb"},
      {contract(Form::markers), "[[ ## mood ## ]]\nx\n\n[[ ## score ## ]]\n3\n\n[[ ## completed ## ]]",
       "................aaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbb"},
      {contract(Form::fields, true), "<think>Mood: no</think>\nMood: x\nScore: 1",
       ".............................aaaaaaaaabb"},
      {contract(Form::fields, true), "Mood: x\nScore: 1", ".....aaaaaaaaabb"},
      {{.form = Form::choices, .choices = {"Mood:"}}, "Mood:", "....."},
  };
  for (const auto& [contract, reply, fields] : cases) {
    CAPTURE(reply);
    // The last byte of a heading is still none of its output's.
    auto expected = fields_of(contract, reply, 1);
    CHECK(expected.size() == reply.size());
    CHECK(expected == fields);
  }
}

TEST_CASE("the text in which each value begins is known as soon as its heading has come") {
  struct Case {
    OutputContract contract;
    std::string_view reply;
    std::vector<std::size_t> starts;
  };
  const std::vector<Case> cases = {
      {contract(Form::fields), "Mood: ok\nScore: 3", {5, 15}},
      {contract(Form::fields), "Mood: ok\nSco", {5}},
      {contract(Form::json), "{\n  \"mood\": \"x\",\n  \"score\": 3\n}", {11, 27}},
      {contract(Form::xml), "<mood>\nx\n</mood>\n\n<score>\n3\n</score>", {6, 25}},
      {literal_contract(), "<mood/>\n\n<score>3</score>", {7, 16}},
      {contract(Form::markers), "[[ ## mood ## ]]\nx\n\n[[ ## score ## ]]\n3\n\n[[ ## completed ## ]]", {16, 37}},
      {contract(Form::fields, true), "<think>Mood: no</think>\nMood: x\nScore: 1", {29, 38}},
      {{.form = Form::choices, .choices = {"Mood:"}}, "Mood:", {}},
  };
  for (const auto& [contract, reply, starts] : cases) {
    for (const auto step : {1UZ, 3UZ, 100UZ}) {
      CAPTURE(reply);
      CAPTURE(step);
      FieldTracker tracker(contract);
      for (std::size_t at = 0; at < reply.size(); at += step) tracker.push(reply.substr(at, step));
      auto expected = starts;
      for (auto& start : expected) start -= start % step;
      CHECK(std::ranges::equal(tracker.starts(), expected));
    }
  }
}

TEST_CASE("a token that ends a heading and begins the value belongs to the value") {
  FieldTracker tracker(contract(Form::json));

  CHECK_FALSE(tracker.push("{\n  \"mood").has_value());
  CHECK(tracker.push("\": \"glad") == 0);
  CHECK(tracker.field() == 0);
  CHECK(tracker.push("\",\n  \"score\": ") == 1);
  CHECK(tracker.push("3") == 1);
}

TEST_CASE("members of inner objects with an output's name are none") {
  FieldTracker tracker(contract(Form::json));

  tracker.push("{\n  \"mood\": {\n    \"score\": 1\n  }");
  CHECK(tracker.field() == 0);
  tracker.push(",\n  \"score\": ");
  CHECK(tracker.field() == 1);
}

TEST_CASE("long thoughts are passed over in time that grows with their length, wherever their end is cut") {
  std::string thoughts = "<think>Mood: no </thin </thi";
  for (int i = 0; i < 300'000; ++i) thoughts += "a < b ";  // hours, if all of it were searched for each piece
  const std::string reply = thoughts + "</think>\nMood: x\nScore: 1";
  for (const std::size_t step : {1UZ, 3UZ, 7UZ}) {
    CAPTURE(step);
    FieldTracker tracker(contract(Form::fields, true));
    for (std::size_t at = 0; at < reply.size(); at += step) tracker.push(std::string_view(reply).substr(at, step));
    REQUIRE(tracker.starts().size() == 2);
    CHECK(tracker.field() == 1);
    CHECK(tracker.starts()[1] <= reply.size() - 2);
    CHECK(tracker.starts()[1] + step > reply.size() - 2);
  }
}
