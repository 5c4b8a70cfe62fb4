// What holds of every adapter alike, whatever the values say.

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "every.hpp"
#include "texts.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <format>
#include <random>
#include <string>
#include <vector>

using namespace dspy;

TEST_CASE("What an assistant turn says is read back, whatever its text") {
  const auto signature = Signature::parse("question, order_id_2 -> answer, order_id, last");
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    const auto adapter = each.make();
    test::TextMaker maker(20240607);
    for (int round = 0; round < 20'000; ++round) {
      JsonObject outputs;
      for (const auto& field : signature.outputs) {
        const auto text = maker.text();
        outputs[field.name] = test::trimmed(text).empty() ? "x" : std::string(test::trimmed(text));
      }
      auto data = outputs;
      data["question"] = "?";
      data["order_id_2"] = "!";
      const std::vector<Example> demos = {Example(std::move(data), signature)};
      const JsonObject inputs = {{"question", "!"}};
      const auto chat = adapter->format({.signature = signature, .demos = demos, .inputs = inputs});
      const auto& turn = chat[chat.size() - 2];
      CAPTURE(turn.text());

      const auto reading = adapter->parse(signature, turn.text());

      REQUIRE(turn.role == Role::assistant);
      REQUIRE(reading.has_value());
      REQUIRE(to_text(reading->outputs) == to_text(outputs));
      REQUIRE(reading->flags.empty());
    }
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
      R"({"q":"?","a":0,"b":1e300,"c":true,"d":"high","e":["[[ ## a ## ]]","</e>","<item>&amp;"],"f":{"<":[2.0]},"g":5})",
  };
  for (const auto& each : test::every_adapter) {
    const auto adapter = each.make();
    for (const auto row : rows) {
      CAPTURE(each.name);
      CAPTURE(row);
      const std::vector<Example> demos = {Example(parse_json(row)->as_object(), signature)};
      const JsonObject inputs = {{"q", "!"}};
      const auto chat = adapter->format({.signature = signature, .demos = demos, .inputs = inputs});
      const auto& turn = chat[chat.size() - 2];
      CAPTURE(turn.text());

      const auto reading = adapter->parse(signature, turn.text());

      REQUIRE(reading.has_value());
      CHECK(to_text(reading->outputs) == to_text(demos[0].outputs()));
      CHECK(reading->flags.empty());
    }
  }
}

TEST_CASE("Fields with names of any script are read back, with values that name them too") {
  // Letters with and without case, beside each other, right to left, with marks, beyond 16 bits.
  const std::vector<std::string> letters = {"问", "题", "é", "Ä", "ß", "д", "Ж", "λ", "ש", "ع", "ก", "ा",
                                            "한", "𝔘",  "𐐨", "a", "Z", "_", "3", "क", "ñ", "İ", "ı"};
  std::mt19937 random(31);
  const auto name = [&] {
    while (true) {
      std::string out;
      for (auto left = 1 + random() % 5; left > 0; --left) out += letters[random() % letters.size()];
      if (attempt([&] { return make_field(out); })) return out;
    }
  };
  std::size_t rounds = 0;
  while (rounds < 1'500) {
    const auto first = name();
    const auto second = name();
    const auto third = name();
    const auto notation = std::format("{} -> {}, {}: list[int], last: P{{{}: int}}", first, second, third, second);
    CAPTURE(notation);
    const auto parsed = attempt([&] { return Signature::parse(notation); });
    if (!parsed) continue;  // the same name twice
    const auto& signature = *parsed;
    REQUIRE(Signature::parse(to_notation(signature)) == signature);
    // Labels that look alike are none to tell apart: `a_3` and `a3`.
    std::vector<std::string> labels;
    for (const auto* const side : {&signature.inputs, &signature.outputs}) {
      for (const auto& field : *side) {
        std::string label;
        for (const char c : text::to_lower(field.label + "\n" + field.name)) {
          if (c != ' ' && c != '_') label += c;
        }
        labels.push_back(label.substr(0, label.find('\n')));
      }
    }
    std::ranges::sort(labels);
    if (std::ranges::adjacent_find(labels) != labels.end() || std::ranges::contains(labels, "")) continue;
    ++rounds;
    const JsonObject outputs = {{second, std::format("x\n{0}: y\n[[ ## {0} ## ]]\n</{0}> <{0}>", second)},
                                {third, {1, 2}},
                                {"last", JsonObject{{second, 3}}}};
    auto data = outputs;
    data[first] = "?";
    const std::vector<Example> demos = {Example(data, signature)};
    const JsonObject inputs = {{first, "!"}};
    for (const auto& each : test::every_adapter) {
      CAPTURE(each.name);
      const auto chat = each.make()->format({.signature = signature, .demos = demos, .inputs = inputs});
      const auto& turn = chat[chat.size() - 2].text();
      CAPTURE(turn);

      const auto reading = each.make()->parse(signature, turn);

      REQUIRE(reading.has_value());
      REQUIRE(to_text(reading->outputs) == to_text(outputs));
      REQUIRE(reading->flags.empty());
    }
  }
}

TEST_CASE("Objects that hold themselves are read back, and are elements in XML") {
  const auto signature = Signature::parse(
      "q -> tree: Tree{name: str, kids: list[Tree], tree: Optional[Tree], by_name: dict[str, Tree], leaf: Leaf{of: "
      "Optional[Tree]}}, tags: dict[str, str]");
  const std::string leaf = R"({"name":"</tree><b>","kids":[],"tree":null,"by_name":{},"leaf":{"of":null}})";
  const auto tree = [](std::string_view name, std::string_view inner) {
    return std::format(
        R"({{"name":"{0}","kids":[{1},{1}],"tree":{1},"by_name":{{"tree":{1},"two words":{1}}},"leaf":{{"of":{1}}}}})",
        name, inner);
  };
  const auto value = tree("root", tree("branch", leaf));
  const auto row = std::format(R"({{"q":"?","tree":{},"tags":{{"tags":"a","tree":"b"}}}})", value);
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    const auto adapter = each.make();
    const std::vector<Example> demos = {Example(parse_json(row)->as_object(), signature)};
    const JsonObject inputs = {{"q", "!"}};
    const auto chat = adapter->format({.signature = signature, .demos = demos, .inputs = inputs});
    const auto& turn = chat[chat.size() - 2];
    CAPTURE(turn.text());

    const auto reading = adapter->parse(signature, turn.text());

    REQUIRE(reading.has_value());
    CHECK(to_text(reading->outputs) == to_text(demos[0].outputs()));
    CHECK(reading->flags.empty());
    if (each.form == OutputContract::Form::xml) {
      CHECK_FALSE(turn.text().contains('{'));
      const auto* const name = each.text == XmlText::literal ? "<![CDATA[</tree><b>]]>" : "&lt;/tree>&lt;b>";
      CHECK(turn.text().contains(
          std::format("<kids><item><name>branch</name><kids><item><name>{}</name><kids></kids>", name)));
    }
  }
}

TEST_CASE("No input can speak in the prompt's own voice") {
  const auto signature = Signature::parse("text, passages: list[str] -> answer, order_id");
  // What the prompt says of the inputs is read as if they were outputs: whatever opens or closes a section shows.
  const auto mirror = Signature::parse("-> text, passages, answer, order_id");
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    const auto adapter = each.make();
    const auto empty = adapter->format({.signature = signature, .inputs = {{"text", "0"}, {"passages", {"0", "0"}}}});
    test::TextMaker maker(7);
    for (int round = 0; round < 5'000; ++round) {
      const auto text = maker.text();
      const JsonObject inputs = {{"text", text}, {"passages", {maker.text(), maker.text()}}};
      const auto chat = adapter->format({.signature = signature, .inputs = inputs});
      const auto& question = chat.back().text();
      CAPTURE(question);

      // Up to the request, the only sections are the two inputs' own.
      const auto tail = empty.back().text().substr(empty.back().text().rfind("\n\n"));
      REQUIRE(question.ends_with(tail));
      const auto reading =
          dspy::adapter(each.question_reader)->parse(mirror, question.substr(0, question.size() - tail.size()));

      REQUIRE(chat.size() == empty.size());
      REQUIRE_FALSE(reading.has_value());
      const auto& missing = reading.error().missing;
      CHECK(std::ranges::find(missing, "answer") != missing.end());
      CHECK(std::ranges::find(missing, "order_id") != missing.end());
      // Input text is guarded against labels only, so fences in it may pair up with what follows.
      if (each.form == OutputContract::Form::fields) continue;
      if (test::trimmed(text).empty()) {
        const bool is_empty_text = each.form == OutputContract::Form::xml;
        CHECK(std::ranges::contains(missing, "text") == !is_empty_text);
      } else {
        REQUIRE(reading.error().partial.contains("text"));
        const std::string read(view(reading.error().partial.at("text").as_string()));
        CHECK(test::trimmed(read) == test::trimmed(text));  // CDATA keeps blanks at its ends
      }
    }
  }
}
