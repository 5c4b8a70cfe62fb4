#include "base/checked_line.hpp"

#include "dspy/base/json.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using dspy::JsonObject;

TEST_CASE("A journal's line gives its record back, and a changed or cut one gives nothing") {
  const JsonObject record{{"kind", "step"}, {"text", "a \"sum\": 1\n"}, {"n", 3}};
  const auto line = dspy::checked_line(record);
  REQUIRE(line.ends_with("\"}\n"));
  const auto whole = std::string_view(line).substr(0, line.size() - 1);
  CHECK(dspy::read_checked_line(whole) == record);
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(dspy::read_checked_line(whole.substr(0, size)));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed(whole);
    changed[at] = changed[at] == 'x' ? 'y' : 'x';
    CHECK_FALSE(dspy::read_checked_line(changed));
  }
}

TEST_CASE("A record that is text already becomes the same line, behind whatever stands before it") {
  const JsonObject record{{"kind", "step"}, {"n", 3}};
  std::string text = "before";
  text += R"({"kind":"step","n":3)";
  dspy::close_checked_line(text, 6);
  CHECK(text == "before" + dspy::checked_line(record));
}
