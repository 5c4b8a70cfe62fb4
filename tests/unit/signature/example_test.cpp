#include "dspy/signature/example.hpp"

#include "dspy/signature/signature.hpp"

#include <doctest/doctest.h>

using namespace dspy;

using Names = std::vector<std::string>;

TEST_CASE("An example splits its data into inputs and outputs") {
  const Example example({{"question", "2+2?"}, {"answer", "4"}, {"why", "maths"}}, {"question"});

  CHECK(example.input_keys == Names{"question"});
  CHECK(example.output_keys == Names{"answer", "why"});
  CHECK(example.inputs() == JsonObject{{"question", "2+2?"}});
  CHECK(to_text(example.outputs()) == R"({"answer":"4","why":"maths"})");
}

TEST_CASE("Two input names in braces are two names") {
  const Example example({{"a", 1}, {"b", 2}, {"c", 3}}, {"a", "b"});
  const JsonObject data{{"a", 1}, {"b", 2}, {"c", 3}};

  CHECK(example.input_keys == Names{"a", "b"});
  CHECK(Example(data, {"a", "b"}) == example);
  CHECK(Example(data, Names{"a", "b"}) == example);
  CHECK(Example(data, {"a"}).output_keys == Names{"b", "c"});
}

TEST_CASE("An example may name both of its sides") {
  const Example example({{"a", 1}, {"b", 2}, {"note", "x"}}, {"a"}, {"b"});
  const JsonObject data{{"a", 1}, {"b", 2}, {"note", "x"}};

  CHECK(example.input_keys == Names{"a"});
  CHECK(example.output_keys == Names{"b"});
  CHECK(example.data == data);
  CHECK(Example(data, Names{"a"}, Names{"b"}) == example);
  CHECK(Example(data, {"a"}, {"b"}) == example);
  CHECK(Example{data, {"a"}, {"b"}} == example);
  CHECK(Example(data, {"a", "b"}, {"note"}).input_keys == Names{"a", "b"});
}

TEST_CASE("An example may take its sides from a signature") {
  const auto signature = Signature::parse("a, b -> c");
  const Example example(JsonObject{{"c", 3}, {"a", 1}, {"note", "kept"}}, signature);

  CHECK(example.input_keys == Names{"a", "b"});
  CHECK(example.inputs() == JsonObject{{"a", 1}});
  CHECK(example.outputs() == JsonObject{{"c", 3}});
  CHECK(*example.get("note") == "kept");
}

TEST_CASE("Values are read and written by key") {
  Example example({{"a", 1}}, {"a"});

  CHECK(example.get("b") == nullptr);
  example.set("b", "new");
  example.set("a", 2);
  example.set("b", "newer");

  CHECK(*example.get("a") == 2);
  CHECK(*example.get("b") == "newer");
  CHECK(example.input_keys == Names{"a"});
  CHECK(example.output_keys == Names{"b"});
  CHECK(Example().inputs().empty());
}
