#include "dspy/base/violation.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

using namespace dspy;

TEST_CASE("Violations read as a sentence") {
  const Violations violations = {
      {.path = "lines[2].price", .rule = "le", .value = 7, .message = "is 7, above the maximum 5"},
      {.path = "", .rule = "adds_up", .message = "does not add up"}};

  CHECK(to_sentence(violations) == "`lines[2].price` is 7, above the maximum 5; the value does not add up");
  CHECK(to_sentence(violations, "the output").ends_with("; the output does not add up"));
  CHECK(to_sentence({}).empty());
}

TEST_CASE("An error shows its violations in JSON") {
  const Error error(Errc::bad_input, "no",
                    {.violations = {{.path = "a", .rule = "ge", .value = 1, .message = "is 1"}}});

  CHECK(to_text(to_json(error).at("violations")) == R"([{"path":"a","rule":"ge","value":1,"message":"is 1"}])");
}
