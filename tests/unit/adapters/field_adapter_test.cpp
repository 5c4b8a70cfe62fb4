#include "dspy/adapters/field_adapter.hpp"

#include "cases.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace dspy;

namespace {

std::vector<Example> examples(const JsonObject& data, std::string_view key, const Signature& signature) {
  std::vector<Example> out;
  if (const auto* const rows = data.if_contains(key)) {
    for (const auto& row : rows->as_array()) out.emplace_back(row.as_object(), signature);
  }
  return out;
}

/// Texts that hold whatever the reader looks for.
class TextMaker {
 public:
  explicit TextMaker(unsigned seed) : random_(seed) {}

  std::string text() {
    static const std::vector<std::string_view> parts = {
        "Answer:", "answer",   "Order id:", "order_id :", "Question:", "**Answer:**", "- ",    "# ",   "> ",
        "\\",      "\\\\",     "\n",        "\n",         "\n",        "```",         "```py", "````", "`",
        " ",       "\t",       "x",         "yes",        ":",         "{",           "}",     "\"",   "\r\n",
        "<think>", "</think>", "é",         "東",         "none",      "1",           "_",     "*",    "[1] ",
        "\n\n",    "：",       "\xC2\xA0",  "Label: y",   "[]",        "\v"};
    std::string out;
    for (auto left = random_() % 12; left > 0; --left) out += parts[random_() % parts.size()];
    return out;
  }

 private:
  std::mt19937 random_;
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

}  // namespace

TEST_CASE("Prompts are written as the table in tests/cases/field says") {
  const auto cases = test::load_cases("field/prompts.jsonl");
  CHECK(cases.size() > 15);
  for (const auto& data : cases) {
    CAPTURE(test::text_of(data.at("name")));
    const auto signature = test::signature_of_case(data);
    const auto demos = examples(data, "demos", signature);
    const auto history = examples(data, "history", signature);

    const auto chat = FieldAdapter().format(
        {.signature = signature, .demos = demos, .history = history, .inputs = data.at("inputs").as_object()});

    const auto& expected = data.at("messages").as_array();
    REQUIRE(chat.size() == expected.size());
    for (std::size_t i = 0; i < chat.size(); ++i) {
      CHECK(to_string(chat[i].role) == test::text_of(expected[i].as_array()[0]));
      CHECK(chat[i].content == test::text_of(expected[i].as_array()[1]));
    }
  }
}

TEST_CASE("What an assistant turn says is read back, whatever its text") {
  const auto signature = Signature::parse("question, order_id_2 -> answer, order_id, last");
  TextMaker maker(20240607);
  const FieldAdapter adapter;
  for (int round = 0; round < 20'000; ++round) {
    JsonObject outputs;
    for (const auto& field : signature.outputs) {
      const auto text = maker.text();
      outputs[field.name] = trimmed(text).empty() ? "x" : std::string(trimmed(text));
    }
    auto data = outputs;
    data["question"] = "?";
    const std::vector<Example> demos = {Example(std::move(data), signature)};
    const JsonObject inputs = {{"question", "!"}};
    const auto chat = adapter.format({.signature = signature, .demos = demos, .inputs = inputs});
    CAPTURE(chat[1].content);

    const auto reading = adapter.parse(signature, chat[1].content);

    REQUIRE(reading.has_value());
    REQUIRE(to_text(reading->outputs) == to_text(outputs));
    REQUIRE(reading->flags.empty());
  }
}

TEST_CASE("Values of every type are read back from an assistant turn") {
  const auto signature = Signature::parse(
      "q -> a: int, b: float, c: bool, d: Literal['low', 'high', 3], e: list[str], f: dict[str, list[float]], g: "
      "Optional[int]");
  const std::vector<std::string_view> rows = {
      R"({"q":"?","a":-9223372036854775808,"b":0.1,"c":false,"d":"low","e":[],"f":{},"g":null})",
      R"({"q":"?","a":7,"b":1e-300,"c":true,"d":3,"e":["x\nA: 1","\"","\\Q: é"],"f":{"k\n":[1.0,2.5],"":[]},"g":0})",
      R"({"q":"?","a":0,"b":-123456789.125,"c":true,"d":"high","e":["none"],"f":{"a":[-0.5]},"g":-1})",
  };
  for (const auto row : rows) {
    CAPTURE(row);
    const std::vector<Example> demos = {Example(parse_json(row)->as_object(), signature)};
    const JsonObject inputs = {{"q", "!"}};
    const auto chat = FieldAdapter().format({.signature = signature, .demos = demos, .inputs = inputs});

    const auto reading = FieldAdapter().parse(signature, chat[1].content);

    REQUIRE(reading.has_value());
    CHECK(to_text(reading->outputs) == to_text(demos[0].outputs()));
    CHECK(reading->flags.empty());
  }
}

TEST_CASE("No input can speak in the prompt's own voice") {
  const auto signature = Signature::parse("text, passages: list[str] -> answer, order_id");
  TextMaker maker(7);
  for (int round = 0; round < 5'000; ++round) {
    const JsonObject inputs = {{"text", maker.text()}, {"passages", {maker.text(), maker.text()}}};
    const auto chat = FieldAdapter().format({.signature = signature, .inputs = inputs});
    CAPTURE(chat[0].content);

    // Up to the hints, the only labelled lines are the two inputs' own.
    const auto body = chat[0].content.substr(0, chat[0].content.rfind("\n\nAnswer:\nOrder id:"));
    const auto reading = FieldAdapter().parse(Signature::parse("question -> text, passages, answer, order_id"), body);

    REQUIRE_FALSE(reading.has_value());
    CHECK(std::ranges::find(reading.error().missing, "answer") != reading.error().missing.end());
    CHECK(std::ranges::find(reading.error().missing, "order_id") != reading.error().missing.end());
  }
}

TEST_CASE("A very long input is one message, byte for byte") {
  std::string text(2'000'000, 'x');
  for (std::size_t i = 80; i < text.size(); i += 81) text[i] = '\n';
  const auto signature = Signature::parse("text -> summary");
  const JsonObject inputs = {{"text", text}};

  const auto chat = FieldAdapter().format({.signature = signature, .inputs = inputs});

  REQUIRE(chat.size() == 1);
  CHECK(chat[0].content == "Text: " + text + "\n\nSummary:");
}

TEST_CASE("The field adapter is found by its name, and is nobody's state") {
  const auto found = adapter("field");

  CHECK(found->name() == "field");
  CHECK(found->form() == OutputContract::Form::fields);
}
