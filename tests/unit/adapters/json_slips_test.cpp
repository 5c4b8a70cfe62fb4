// Objects with a character wrong: what stands inside a broken one is never taken for the reply.

#include "dspy/adapters/adapter.hpp"
#include "dspy/signature/signature.hpp"
#include "every.hpp"
#include "support/thinning.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

const std::vector<std::string> objects = {
    R"({"name": "outer", "age": 3, "author": {"name": "inner", "age": 9}})",
    R"({"items": [{"name": "inner", "age": 9}], "name": "outer", "age": 3})",
    R"({"author": {"name": "inner", "age": 9}, "name": "outer", "age": 3})",
    R"({"name": "outer", "list": ["a", "b"], "age": 3, "meta": {"deep": {"name": "inner", "age": 9}}})",
    R"({"note": "x: {y}", "name": "outer", "age": 3, "refs": [{"age": 9, "name": "inner"}, {"age": 9, "name": "inner"}]})",
    "{'name': 'outer', 'age': 3, 'author': {'name': 'inner', 'age': 9}}",
    "{name: 'outer', age: 3, author: {name: 'inner', age: 9}}",
    R"({"text": "so {\"name\": \"inner\"}", "name": "outer", "age": 3})",
};

/// The object over several lines: a line break after each bracket and comma.
std::string over_lines(std::string_view object) {
  std::string out;
  for (const char c : object) {
    if (c == '}' || c == ']') out += '\n';
    out += c;
    if (c == '{' || c == '[' || c == ',') out += "\n ";
  }
  return out;
}

/// Each text that is one character away.
template <class F>
void for_each_slip(const std::string& text, F&& visit) {
  constexpr std::string_view others = "\",:}{][x '\n";
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size()) visit(text.substr(0, i) + text.substr(i + 1));
    visit(text.substr(0, i));  // cut off
    for (const char c : others) {
      visit(text.substr(0, i) + c + text.substr(i));
      if (i < text.size()) visit(text.substr(0, i) + c + text.substr(i + 1));
    }
  }
}

/// A random object in which `name` and `age` are outputs, as are those of objects inside it.
class RandomObject {
 public:
  explicit RandomObject(unsigned seed) : random_(seed) {
    std::vector<int> members = {0, 1, 2, 3, 4};
    std::ranges::shuffle(members, random_);
    text = "{";
    for (const auto member : members) {
      if (text.size() > 1) text += pick({", ", ",", ",\n "});
      switch (member) {
        case 0: output("name", name = word("outer"), name_begin, name_end); break;
        case 1: output("age", age = std::to_string(100 + random_() % 900), age_begin, age_end); break;
        default: text += "\"" + word("key") + "\": " + value(2); break;
      }
    }
    text += "}";
  }

  std::string text;
  std::string name;  ///< As JSON.
  std::string age;
  std::size_t name_begin = 0;  ///< Where their values stand.
  std::size_t name_end = 0;
  std::size_t age_begin = 0;
  std::size_t age_end = 0;

 private:
  std::string pick(std::initializer_list<const char*> all) { return all.begin()[random_() % all.size()]; }
  std::string word(const std::string& start) { return start + static_cast<char>('a' + random_() % 26); }

  void output(const char* key, const std::string& value, std::size_t& begin, std::size_t& end) {
    const std::string quote = value == age ? "" : "\"";
    text += "\"" + std::string(key) + "\": " + quote;
    begin = text.size();
    text += value;
    end = text.size();
    text += quote;
  }

  std::string value(int depth) {
    switch (random_() % (depth > 0 ? 6 : 4)) {
      case 0: return std::to_string(random_() % 1000);
      case 1: return pick({"true", "null", "-1.5e3", "[]", "{}", "\"\""});
      case 2: return "\"" + pick({"a, b", "it's 5: {x}", "so \\\"name\\\": ", "C:\\\\x", "[1, 2"}) + "\"";
      case 3: return "\"" + word("text") + "\"";
      case 4: return "[" + value(depth - 1) + ", " + value(depth - 1) + "]";
      default: return "{\"name\": \"" + word("inner") + "\", \"age\": " + value(0) + pick({", \"x\": 1", ""}) + "}";
    }
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("An object with a slip gives its own values or none, never those of an object inside it") {
  std::size_t turn = 0;
  for (const auto* const notation : {"q -> name: str, age: int", "q -> name: str"}) {
    const auto signature = std::make_shared<const Signature>(Signature::parse(notation));
    for (const auto& each : test::every_adapter) {
      CAPTURE(each.name);
      const auto exchange = each.make()->prepare(signature);
      std::size_t inner = 0;
      std::size_t labelled = 0;
      std::string example;
      // One slip in eleven, another one with each adapter and signature.
      std::size_t slips = turn++;
      const auto check = [&](const std::string& reply) {
        if (++slips % (11 * test::thinning) != 0) return;
        const auto reading = exchange->parse(reply);
        if (!reading) return;
        const auto name = to_text(reading->outputs.at("name"));
        const bool is_inner = name.contains("inner") && !name.contains("outer");
        bool is_labelled = false;
        for (const auto& flag : reading->flags) is_labelled |= flag.repair == "labels";
        if (is_inner || is_labelled) example = reply;
        inner += is_inner ? 1 : 0;
        labelled += is_labelled ? 1 : 0;
      };
      for (const auto& object : objects) {
        for (const auto& text : {object, over_lines(object), "Here it is:\n\n```json\n" + over_lines(object) + "\n```"})
          for_each_slip(text, check);
      }
      CAPTURE(example);
      CHECK(inner == 0);
      CHECK(labelled == 0);
    }
  }
}

TEST_CASE("An object that was closed too early is read as it was meant, or refused") {
  // Members of objects and outputs, which may all be left out but the first.
  const auto signature = std::make_shared<const Signature>(Signature::parse(
      "q -> p: P{x: int, y: Optional[int], r: Q{u: int, w: Optional[int]} = {\"u\": 0}}, n: Optional[int]"));
  const std::vector<std::string> replies = {
      R"({"p": {"x": 1, "y": 2, "r": {"u": 3, "w": 4}}, "n": 5})",
      R"({"n": 5, "p": {"r": {"w": 4, "u": 3}, "x": 1, "y": 2}})",
      "{\n  \"p\": {\n    \"x\": 1,\n    \"y\": 2,\n    \"r\": {\n      \"u\": 3,\n      \"w\": 4\n    }\n  },\n  "
      "\"n\": 5\n}",
  };
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    const auto exchange = each.make()->prepare(signature);
    for (const auto& reply : replies) {
      const auto meant = exchange->parse(reply);
      REQUIRE(meant);
      for (auto from = reply.find('}'); from != std::string::npos; from = reply.find('}', from + 1)) {
        // The brace moved to the front of each comma before it, or put there once more.
        for (auto to = reply.find(','); to < from; to = reply.find(',', to + 1)) {
          for (const bool is_moved : {true, false}) {
            auto text = reply;
            if (is_moved) text.erase(from, 1);
            text.insert(to, "}");
            const auto reading = exchange->parse(text);
            CAPTURE(text);
            if (reading) CHECK(to_text(reading->outputs) == to_text(meant->outputs));
          }
        }
      }
    }
  }
}

TEST_CASE("An object in a field that members follow is read as it was meant, or refused") {
  const auto signature = std::make_shared<const Signature>(Signature::parse("q -> p: P{x: int, y: Optional[str]}"));
  for (const auto* const rest :
       {", \"y\": \"b\"}", ",\n \"y\": \"b\"\n}", "; 'y': 'b'}", " \"y\": \"b\"", ", y: \"b\"}"}) {
    const auto value = std::string("{\"x\": 1}") + rest;
    CAPTURE(value);
    for (const auto& reply : {"P: " + value, "[[ ## p ## ]]\n" + value + "\n\n[[ ## completed ## ]]",
                              "<p>" + value + "</p>", "P: It is " + value}) {
      for (const auto& each : test::every_adapter) {
        const auto reading = each.make()->prepare(signature)->parse(reply);
        if (reading) CHECK(to_text(reading->outputs) == R"({"p":{"x":1,"y":"b"}})");
      }
    }
  }
}

TEST_CASE("Quotation marks of any kind that match are quotes") {
  const auto signature =
      std::make_shared<const Signature>(Signature::parse("q -> name: str, m: dict[str, str], age: int"));
  const std::string object = R"({"name": "a b", "m": {"k": "it is: {x}, [y]"}, "age": 3})";
  for (const auto& each : test::every_adapter) {
    const auto exchange = each.make()->prepare(signature);
    const auto meant = exchange->parse(object);
    REQUIRE(meant);
    for (const auto& [opening, closing] : {std::pair("“", "”"), {"‘", "’"}, {"„", "“"}, {"'", "'"}}) {
      std::string text;
      bool is_open = false;
      for (const char c : object) {
        if (c == '"') is_open = !is_open;
        text += c != '"' ? std::string(1, c) : is_open ? opening : closing;
      }
      CAPTURE(text);
      const auto reading = exchange->parse(text);
      REQUIRE(reading);
      CHECK(to_text(reading->outputs) == to_text(meant->outputs));
    }
  }
}

TEST_CASE("A random object with a slip gives its own values or none, unless the slip is within them") {
  const auto signature = std::make_shared<const Signature>(Signature::parse("q -> name: str, age: int"));
  constexpr std::string_view characters = "\",:}{][x1 \n'\\";
  std::mt19937 random(7);
  std::size_t read = 0;
  for (const auto& each : test::every_adapter) {
    CAPTURE(each.name);
    const auto exchange = each.make()->prepare(signature);
    for (unsigned seed = 0; seed < 40; ++seed) {
      const RandomObject object(seed);
      for (int i = 0; i < 40; ++i) {
        const auto at = random() % (object.text.size() + 1);
        const auto kind = random() % 3;  // left out, put in, replaced
        const bool is_put_in = kind == 1 || at == object.text.size();
        auto text = object.text;
        const char other = characters[random() % characters.size()];
        text.replace(at, is_put_in ? 0 : 1, kind == 0 && !is_put_in ? "" : std::string(1, other));
        const auto reading = exchange->parse(text);
        if (!reading) continue;
        ++read;
        const auto is_within = [&](std::size_t begin, std::size_t end) {
          return begin <= at && (is_put_in ? at <= end : at < end);
        };
        CAPTURE(text);
        if (!is_within(object.name_begin, object.name_end))
          CHECK(reading->outputs.at("name").get_string() == object.name);
        // A digit in place of the blank before a number belongs to it.
        if (!is_within(object.age_begin - 1, object.age_end)) CHECK(to_text(reading->outputs.at("age")) == object.age);
      }
    }
  }
  // Most slips leave one reading only.
  CHECK(read > 4 * 40 * 40 * 3 / 5);
}
