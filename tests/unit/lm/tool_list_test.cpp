#include "dspy/lm/request.hpp"
#include "dspy/lm/tool.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

using namespace dspy;

TEST_CASE("a list of tools is shared by its copies, and changing one leaves the others as they are") {
  ToolList tools = {{.name = "add"}, {.name = "look_up"}};
  const auto copy = tools;
  CHECK(&copy[0] == &tools[0]);
  tools.push_back({.name = "today"});
  CHECK(copy.size() == 2);
  REQUIRE(tools.size() == 3);
  CHECK(tools.front().name == "add");
  CHECK(tools.back().name == "today");
  CHECK(tools.at(1).name == "look_up");
  CHECK_THROWS_AS(tools.at(3), std::out_of_range);
  tools.clear();
  CHECK(tools.empty());
  CHECK(tools.begin() == tools.end());
  CHECK_FALSE(copy.empty());
}

TEST_CASE("lists of tools are equal by what they say") {
  const std::vector<ToolDefinition> definitions = {{.name = "add", .parameters = {{"type", "object"}}}};
  const ToolList one = definitions, other = definitions;
  CHECK(&one[0] != &other[0]);
  CHECK(one == other);
  CHECK(one != ToolList());
  CHECK(ToolList(std::vector<ToolDefinition>()) == ToolList());
  CHECK(Request{.tools = one} == Request{.tools = other});
  CHECK(Request{.tools = one} != Request{.tools = {{.name = "sub"}}});
}
