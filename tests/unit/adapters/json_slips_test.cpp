// Objects with a character wrong: what stands inside a broken one is never taken for the reply.

#include "dspy/adapters/adapter.hpp"
#include "dspy/signature/signature.hpp"
#include "every.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <random>
#include <string>
#include <string_view>
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
        if (++slips % 11 != 0) return;
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
