#include "dspy/evaluate/dataset.hpp"

#include "dspy/base/error.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

using namespace dspy;

namespace {

std::vector<std::string> answers(const std::vector<Example>& examples) {
  std::vector<std::string> out;
  for (const auto& example : examples) out.push_back(to_text(*example.get("n")));
  return out;
}

std::vector<Example> numbers(int count) {
  std::vector<Example> out;
  for (int i = 0; i < count; ++i) out.push_back(Example({{"n", i}}, {"n"}));
  return out;
}

}  // namespace

TEST_CASE("A dataset is read from JSONL, JSON and CSV with the same values") {
  const test::Folder folder;
  const auto signature = Signature::parse("question, year: int -> answer, sure: Optional[bool]");
  const auto jsonl = folder.write("a.jsonl",
                                  "\xEF\xBB\xBF{\"question\":\"Who?\",\"year\":1815,\"answer\":\"Jane\\nAusten\"}\n\n"
                                  "{\"question\":\"1\",\"year\":2,\"answer\":\"\",\"sure\":true}\n");
  const auto json = folder.write("a.json",
                                 "[{\"question\":\"Who?\",\"year\":1815,\"answer\":\"Jane\\nAusten\"},\n"
                                 "{\"question\":\"1\",\"year\":2,\"answer\":\"\",\"sure\":true}]");
  const auto csv = folder.write("a.csv", "question,year,answer,sure\r\nWho?,1815,\"Jane\nAusten\",\r\n1,2,,true\r\n");

  const auto rows = read_dataset(jsonl, {.signature = &signature});

  REQUIRE(rows.size() == 2);
  CHECK(rows[0].input_keys == std::vector<std::string>{"question", "year"});
  CHECK(rows[0].data.at("answer") == "Jane\nAusten");
  CHECK(rows[1].data.at("question") == "1");
  CHECK(rows[1].data.at("year") == 2);
  CHECK(read_dataset(json, {.signature = &signature}) == rows);
  CHECK(read_dataset(csv, {.signature = &signature}) == rows);
  CHECK(read_dataset(csv, {.inputs = {"question"}, .limit = 1})[0].data.at("year") == "1815");
  CHECK(read_dataset(csv, {.inputs = {"question"}})[0].output_keys == std::vector<std::string>{"year", "answer"});
}

TEST_CASE("What is wrong with a dataset is named with its line") {
  const test::Folder folder;
  struct Case {
    const char* name;
    const char* text;
    const char* message;
  };
  for (const auto& [name, text, message] : std::vector<Case>{
           {"a.jsonl", "{\"q\":1}\n\n{\"x\":1}\n", ":3: the row lacks the input column `q`; it has `x`"},
           {"a.jsonl", "{\"q\":1}\n{\"q\":\n", ":2: the row is not JSON: "},
           {"a.jsonl", "{\"q\":1,\"q\":2}\n", ":1: the row is ambiguous: "},
           {"a.jsonl", "[1]\n", ":1: the row is not a JSON object"},
           {"a.jsonl", "{}\n", ":1: the row is empty; it needs the input column `q`"},
           {"a.csv", "q,a\n1,2\n\"x\ny\",1\n3\n", ":5: the row has 1 cells, and the header 2"},
           {"a.csv", "q,a\n1,\"2\n", ":2: the row has a quote that is never closed"},
           {"a.csv", "", " is empty; its first line must name the columns"},
           {"a.csv", "q,q\n", " has two columns `q`; rename one"},
           {"a.json", "[{\"q\":1},\n7]", ":2: the row is not a JSON object"},
           {"a.json", "{}", " holds no list of rows"},
           {"a.txt", "", " does not end in .jsonl, .json or .csv; rename it"},
       }) {
    CAPTURE(text);
    const auto path = folder.write(name, text);
    const auto read = attempt([&] { return read_dataset(path, {.inputs = {"q"}}); });
    REQUIRE_FALSE(read.has_value());
    CHECK(std::string(read.error().what()).contains(message));
  }
  CHECK_THROWS_WITH_AS(read_dataset(folder.write("b.jsonl", "{}"), {}), doctest::Contains("nothing says which columns"),
                       Error);
  CHECK_THROWS_AS(read_dataset(folder.path / "none.jsonl", {.inputs = {"q"}}), Error);
  CHECK_THROWS_AS(read_dataset(folder.path, {.inputs = {"q"}}), Error);
}

TEST_CASE("Datasets are written and read back") {
  const test::Folder folder;
  const auto examples = numbers(3);
  write_dataset(folder.path / "n.jsonl", examples);
  CHECK(read_dataset(folder.path / "n.jsonl", {.inputs = {"n"}}) == examples);
}

TEST_CASE("Splits, samples and shuffles depend on the seed alone") {
  const auto [train, dev] = split(numbers(10), 0.7, 4);
  CHECK(train.size() == 7);
  CHECK(dev.size() == 3);
  CHECK(split(numbers(10), 0.7, 4).first == train);
  CHECK(split(numbers(10), 0.7, 5).first != train);
  CHECK(split(numbers(2), 0.01, 0).first.size() == 1);
  CHECK_THROWS_AS(split(numbers(1), 0.5, 0), Error);
  CHECK_THROWS_AS(split(numbers(5), 1, 0), Error);
  auto all = answers(train);
  for (const auto& each : answers(dev)) all.push_back(each);
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == 10);

  const auto drawn = answers(sampled(numbers(10), 6, 1));
  CHECK(std::set<std::string>(drawn.begin(), drawn.end()).size() == 6);
  CHECK(answers(sampled(numbers(10), 6, 1)) == drawn);
  CHECK_THROWS_AS(sampled(numbers(3), 4, 0), Error);
  CHECK(answers(shuffled(numbers(10), 3)) != answers(numbers(10)));
}

TEST_CASE("Input keys are set on examples that have them") {
  const auto changed = with_inputs({Example({{"a", 1}, {"b", 2}}, {"b"})}, {"a"});
  CHECK(changed[0].output_keys == std::vector<std::string>{"b"});
  CHECK_THROWS_WITH_AS(with_inputs(numbers(1), {"a"}), "example 0 has no `a`, which is to be an input; it has `n`",
                       Error);
}
