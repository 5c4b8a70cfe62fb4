#include "dspy/adapters/adapter.hpp"
#include "dspy/signature/signature.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <format>
#include <limits>
#include <string>

using namespace dspy;

TEST_CASE("NaN and infinity within JSON are numbers where the field allows them") {
  struct Case {
    std::string_view word;
    double value;
  };
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const Case cases[] = {{"NaN", std::nan("")},    {"nan", std::nan("")}, {"Infinity", infinity},
                        {"-Infinity", -infinity}, {"inf", infinity},     {"-inf", -infinity}};
  const auto same = [](const Json& value, double wanted) {
    const double number = value.as_double();
    return number == wanted || (std::isnan(number) && std::isnan(wanted));
  };
  const auto signature = Signature::parse(
      "q -> one: Annotated[float, Field(allow_inf_nan=True)], all: list[Annotated[float, Field(allow_inf_nan=True)]]");
  for (const auto& [word, value] : cases) {
    CAPTURE(word);
    const auto reading = adapter("json")->parse(signature, std::format(R"({{"one": {0}, "all": [1.5, {0}]}})", word));
    REQUIRE(reading.has_value());
    CHECK(same(reading->outputs.at("one"), value));
    CHECK(same(reading->outputs.at("all").as_array().at(1), value));
    REQUIRE(reading->flags.size() == 1);
    CHECK(reading->flags[0].repair == "python_word");

    const auto refused = adapter("json")->parse(Signature::parse("q -> one: float, all: list[float]"),
                                                std::format(R"({{"one": {0}, "all": [1.5, {0}]}})", word));
    REQUIRE_FALSE(refused.has_value());
    REQUIRE(refused.error().invalid.size() == 2);
    CHECK(refused.error().invalid[0].reason == std::format("the value is {}, not a finite number", value));
    CHECK(refused.error().invalid[1].violations.at(0).path == "all[1]");
  }
}
