// Thoughts before a reply, in each of the styles that models have: what was thought of is never the answer.

#include "cases.hpp"
#include "every.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace dspy;

namespace {

/// Thoughts that hold a reply of each form.
constexpr std::string_view thought =
    "Is it\nAnswer: 5\n[[ ## answer ## ]]\n5\n[[ ## completed ## ]]\n<answer>5</answer>\n{\"answer\": 5, \"a\": 5, "
    "\"v\": 5}?";

struct Style {
  std::string_view before;
  std::string_view after;
};
constexpr Style styles[] = {
    {"<think>", "</think>"},
    {"<think>\n", "\n</think>\n\n"},
    {"<Thinking>", "</Thinking>"},
    {"<thought>", "</thought>\n"},
    {"[THINK]", "[/THINK]"},
    {"\xE2\x97\x81think\xE2\x96\xB7", "\xE2\x97\x81/think\xE2\x96\xB7"},
    {"<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"},
    {"<seed:think>", "</seed:think>"},
    {"<|channel>thought\n", "\n<channel|>"},
    {"<|START_THINKING|>", "<|END_THINKING|>\n"},
    {"<|begin_of_thought|>\n", "\n<|end_of_thought|>\n\n"},
    {"assistantanalysis", "assistantfinal"},
    {"", "\n</think>\n\n"},
    {"", "<|END_THINKING|>"},
    {"", "</thinking>"},
    {"Sure.\n", "[/THINK]\n"},
    {"Sure.\n<think>", "</think>"},
    {"<think>a</think><think>", "</think>"},
    {"<think budget=\"5\">", "</think>"},
    {"< thinking >", "</thinking>\n"},
    {"<analysis>\n", "\n</analysis>\n"},
    {"<inner_monologue>", "</inner_monologue>"},
    {"<antThinking>", "</antThinking>"},
    {"", "</ thought >\n"},
    {"", "</chain_of_thought>"},
};

bool is_flagged(const Reading& reading, std::string_view repair) {
  return std::ranges::any_of(reading.flags, [&](const Flag& flag) { return flag.repair == repair; });
}

}  // namespace

TEST_CASE("A reply behind thoughts of any style is read as the reply alone") {
  std::size_t count = 0;
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    const auto adapter = each.make();
    for (const auto& file : test::case_files(std::string(each.name) + "/replies")) {
      for (const auto& row : test::load_cases(file)) {
        const auto reply = test::reply_of(row);
        if (!row.contains("outputs") || reply.contains("think>") || reply.starts_with("\xEF\xBB\xBF")) continue;
        const auto signature = test::signature_of_case(row);
        for (const auto& [before, after] : styles) {
          const auto whole = std::string(before).append(thought).append(after).append(reply);
          CAPTURE(whole);
          ++count;
          const auto reading = adapter->parse(signature, whole);
          // A reply of which little is there may be refused, and is never read in another way.
          const bool may_fail = before.empty() || before.starts_with("Sure");
          CHECK((may_fail || reading.has_value()));
          if (!reading) continue;
          CHECK(to_text(reading->outputs) == to_text(row.at("outputs")));
          CHECK(is_flagged(*reading, "thoughts"));
        }
      }
    }
  }
  CHECK(count > 3'000);
}

TEST_CASE("Thoughts that nothing follows hold no answer") {
  const auto signature = Signature::parse("question -> answer: int");
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    for (const auto& [before, after] : styles) {
      for (const auto& end : {std::string(), std::string(after), std::string(after) + "\n"}) {
        const auto reply = std::string(before).append(thought).append(end);
        if (end.empty() && (before.empty() || before == "Sure.\n")) continue;  // no mark of thoughts at all
        if (end.empty() && before == "Sure.\n<think>") continue;               // nothing says that it ends
        CAPTURE(reply);
        CHECK_FALSE(each.make()->parse(signature, reply).has_value());
      }
    }
  }
}

TEST_CASE("A value keeps what would end thoughts") {
  const auto signature = Signature::parse("question -> reasoning, answer");
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    const auto adapter = each.make();
    for (const std::string_view text :
         {"a </think> b", "</think>", "<think>a</think>\nb", "[/THINK]\n7", "a <|channel|>final<|message|> b"}) {
      for (const auto& outputs :
           {JsonObject{{"reasoning", text}, {"answer", "b"}}, JsonObject{{"reasoning", "a"}, {"answer", text}}}) {
        auto data = outputs;
        data["question"] = "q";
        const Example demo(data, signature);
        const auto chat =
            adapter->format({.signature = signature, .demos = {&demo, 1}, .inputs = JsonObject{{"question", "q"}}});
        const auto written = std::ranges::find(chat, Role::assistant, &Message::role);
        REQUIRE(written != chat.end());
        CAPTURE(written->text());
        const auto reading = adapter->parse(signature, written->text());
        REQUIRE(reading.has_value());
        CHECK(to_text(reading->outputs) == to_text(outputs));
      }
    }
  }
}
