#include "dspy/signature/boxed.hpp"

#include "dspy/base/error.hpp"
#include "dspy/signature/reflect.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <variant>

using namespace dspy;

namespace {

struct Expression {
  std::variant<std::int64_t, Boxed<Expression>> left;
  std::optional<Boxed<Expression>> right = {};

  bool operator==(const Expression&) const = default;
};

}  // namespace

TEST_CASE("A struct can hold itself in boxes, which are the value itself as JSON") {
  const Expression expression{.left = Boxed<Expression>(Expression{.left = 1}), .right = Expression{.left = 2}};

  const auto json = to_value(expression);

  CHECK(to_notation(type_of<Expression>()) == "Expression{left: Union[int, Expression], right: Optional[Expression]}");
  CHECK(to_text(json) == R"({"left":{"left":1,"right":null},"right":{"left":2,"right":null}})");
  CHECK(from_value<Expression>(json) == expression);
}

TEST_CASE("A box copies its value, and is empty before it has one and after it gave it away") {
  Boxed<int> first = 1;
  auto second = first;
  *second = 2;

  CHECK(*first == 1);
  CHECK(first != second);
  second = first;
  CHECK(first == second);

  const auto third = std::move(first);
  CHECK(*third == 1);
  CHECK(first.is_empty());  // NOLINT(bugprone-use-after-move): that is the point
  CHECK(first == Boxed<int>());
  const auto written = attempt([] { return to_value(Boxed<int>()); });
  REQUIRE_FALSE(written.has_value());
  CHECK(std::string_view(written.error().what()) == "the value is an empty dspy::Boxed; give it a value");
}
