// What every adapter has: a contract, a stream of its fields, and texts that can be replaced.

#include "dspy/adapters/chat_adapter.hpp"
#include "dspy/adapters/json_adapter.hpp"
#include "dspy/adapters/xml_adapter.hpp"
#include "every.hpp"
#include "streamed.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace dspy;

namespace {

/// All that a prompt says.
std::string prompt_of(const Adapter& adapter) {
  const auto signature = Signature::parse("q, r -> a, b: int", "Sort it.");
  const std::vector<Example> demos = {Example({{"q", "1"}, {"a", "2"}}, signature)};
  const std::vector<Example> history = {Example({{"q", "3"}, {"r", "4"}, {"a", "5"}}, signature)};
  const JsonObject inputs = {{"q", "6"}, {"r", "7"}};
  std::string out;
  for (const auto& message :
       adapter.format({.signature = signature, .demos = demos, .history = history, .inputs = inputs}))
    out.append(message.text()).append("\n---\n");
  return out;
}

/// Checks that each of the sentences stands in the prompt once or more, and none of `others` does.
void check_texts(const std::string& prompt, const std::vector<std::string_view>& sentences,
                 const std::vector<std::string>& others) {
  CAPTURE(prompt);
  for (const auto sentence : sentences) {
    CAPTURE(sentence);
    CHECK(prompt.contains(sentence));
  }
  for (const auto& other : others) {
    CAPTURE(other);
    CHECK_FALSE(prompt.contains(other));
  }
}

}  // namespace

TEST_CASE("Every adapter says what its replies must look like") {
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    const auto signature = std::make_shared<const Signature>(Signature::parse("question -> answer: int"));

    const auto exchange = each.make()->prepare(signature);

    CHECK(exchange->contract().form == each.form);
    CHECK(exchange->contract().signature == signature);
    CHECK(exchange->extraction() == nullptr);
    CHECK(each.make()->name() == each.name);
  }
}

TEST_CASE("Every adapter streams and reads its own turns, without taking anything back") {
  const auto signature = Signature::parse(
      "q -> reasoning, n: int, tags: list[str], person: Person{name: str, age: int}, mood: Optional[str], answer");
  const JsonObject data = {{"q", "?"},
                           {"reasoning", "One.\n\nTwo & <three> [[ ## four ## ]]\n```\nFive: 6\n```"},
                           {"n", -3},
                           {"tags", {"a", "b & c"}},
                           {"person", {{"name", "Ann"}, {"age", 3}}},
                           {"mood", nullptr},
                           {"answer", "It is.\nAnswer: \\ no"}};
  const std::vector<Example> demos = {Example(data, signature)};
  auto outputs = data;
  outputs.erase("q");
  std::mt19937 random(5);
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    const auto chat = each.make()->format({.signature = signature, .demos = demos, .inputs = {{"q", "!"}}});
    const auto& reply = chat[chat.size() - 2].text();
    CAPTURE(reply);

    const auto reading = each.make()->parse(signature, reply);
    REQUIRE(reading.has_value());
    CHECK(Json(reading->outputs) == Json(outputs));
    CHECK(reading->flags.empty());

    for (int round = 0; round < 100; ++round) {
      const auto streamed = test::stream(*each.make(), signature, reply, [&] { return 1 + random() % 9; });

      CHECK(streamed.restarts == 0);
      CHECK(streamed.texts.at("reasoning") == data.at("reasoning").as_string());
      CHECK(streamed.texts.at("n") == "-3");
      CHECK(streamed.texts.at("answer") == data.at("answer").as_string());
      for (const auto& [name, count] : streamed.done) CHECK(count == 1);
    }
  }
}

TEST_CASE("Each sentence of a prompt can be replaced, or left out") {
  const ChatTexts chat{.inputs = "IN",
                       .outputs = "OUT",
                       .structure = "FORM",
                       .task = "TASK",
                       .request = "ASK {outputs}!",
                       .partial_example = "PART",
                       .missing_in_example = "GAP"};
  const JsonTexts json{.inputs = "IN",
                       .outputs = "OUT",
                       .input_structure = "FORM",
                       .output_structure = "OBJECT",
                       .task = "TASK",
                       .request = "ASK {outputs}!",
                       .partial_example = "PART",
                       .missing_in_example = "GAP"};
  const XmlTexts xml{.inputs = "IN",
                     .outputs = "OUT",
                     .structure = "FORM",
                     .task = "TASK",
                     .request = "ASK {outputs}!",
                     .partial_example = "PART",
                     .missing_in_example = "GAP"};
  const ChatTexts chat_default;
  const JsonTexts json_default;
  const XmlTexts xml_default;

  check_texts(prompt_of(ChatAdapter({.texts = chat})),
              {"IN\n1.", "OUT\n1.", "FORM\n", "TASK\nSort it.", "ASK `[[ ## a ## ]]`", "`!", "PART\n", "GAP\n"},
              {chat_default.inputs, chat_default.outputs, chat_default.structure, chat_default.task, "Now write",
               chat_default.partial_example, chat_default.missing_in_example});
  check_texts(prompt_of(JsonAdapter({.texts = json})),
              {"IN\n1.", "OUT\n1.", "FORM\n", "OBJECT\n", "TASK\nSort it.", "ASK `a`", ")!", "PART\n", "\"GAP\""},
              {json_default.inputs, json_default.outputs, json_default.input_structure, json_default.output_structure,
               json_default.task, "Now write", json_default.partial_example, json_default.missing_in_example});
  check_texts(prompt_of(XmlAdapter({.texts = xml})),
              {"IN\n1.", "OUT\n1.", "FORM\n", "TASK\nSort it.", "ASK `<a>`", ")!", "PART\n", "GAP\n"},
              {xml_default.inputs, xml_default.outputs, xml_default.structure, xml_default.task, "Now write",
               xml_default.partial_example, xml_default.missing_in_example});

  const auto bare = prompt_of(ChatAdapter({.texts = {.inputs = "",
                                                     .outputs = "",
                                                     .structure = "",
                                                     .task = "",
                                                     .request = "",
                                                     .partial_example = "",
                                                     .missing_in_example = "-"}}));
  CHECK(bare.starts_with("1. `q` (str):\n2. `r` (str):\n\n1. `a` (str):"));
  CHECK(bare.ends_with("[[ ## completed ## ]]\n\n---\n[[ ## q ## ]]\n6\n\n[[ ## r ## ]]\n7\n---\n"));
  CHECK_FALSE(bare.contains("\n\n\n"));
}
