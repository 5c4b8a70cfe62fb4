#include "dspy/signature/validators.hpp"

#include "dspy/base/error.hpp"
#include "dspy/signature/reflect.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

using namespace dspy;

namespace {

std::optional<std::string> is_prime(const int& number) {
  for (int i = 2; i * i <= number; ++i) {
    if (number % i == 0) return "is " + std::to_string(number) + ", no prime number";
  }
  return std::nullopt;
}

struct Bill {
  struct Input {
    std::string text;
  };
  struct Line {
    std::string name;
    double price = 0;
  };
  struct Output {
    std::vector<Line> lines;
    std::optional<int> count;
    int lucky = 2;
    double total = 0;
  };
  static constexpr auto fields = describe(
      field<&Output::lucky>(validator("is_prime", is_prime), validator("is_small", [](int n) { return n < 100; })),
      field<&Output::count>(validator("counts_up", [](int n) { return n > 0; })));
  static constexpr auto validators =
      describe(validator("adds_up", [](const Output& bill) -> std::optional<std::string> {
        double sum = 0;
        for (const auto& line : bill.lines) sum += line.price;
        if (sum == bill.total) return std::nullopt;
        return "adds up to " + std::to_string(static_cast<int>(sum)) + ", not the total";
      }));
  static constexpr auto computed = describe(
      dspy::computed("mean", [](const Output& bill) { return bill.total / static_cast<double>(bill.lines.size()); }),
      dspy::computed("names", [](const Output& bill) {
        std::vector<std::string> names;
        for (const auto& line : bill.lines) names.push_back(line.name);
        return names;
      }));
};

JsonObject outputs(double total, int lucky, Json count = nullptr) {
  return {{"lines", {{{"name", "tea"}, {"price", 2}}, {{"name", "cake"}, {"price", 4}}}},
          {"count", std::move(count)},
          {"lucky", lucky},
          {"total", total}};
}

}  // namespace

TEST_CASE("Outputs that keep every rule come back with what is computed from them") {
  const auto fitted = fit(signature_of<Bill>(), outputs(6, 7));

  REQUIRE(fitted);
  CHECK(fitted->at("mean") == Json(3.0));
  CHECK(fitted->at("names") == Json({"tea", "cake"}));
  CHECK(fitted->at("lines").at(0).at("price") == Json(2.0));
  CHECK(fit(signature_of<Bill>(), *fitted) == *fitted);
}

TEST_CASE("Every broken rule of a field is a violation with its name, and absent values break none") {
  const auto fitted = fit(signature_of<Bill>(), outputs(6, 121, -1));

  REQUIRE_FALSE(fitted);
  CHECK(fitted.error() ==
        Violations{{.path = "count", .rule = "counts_up", .value = -1, .message = "breaks the rule `counts_up`"},
                   {.path = "lucky", .rule = "is_prime", .value = 121, .message = "is 121, no prime number"},
                   {.path = "lucky", .rule = "is_small", .value = 121, .message = "breaks the rule `is_small`"}});
  CHECK(fit(signature_of<Bill>(), outputs(6, 7, 1)));
}

TEST_CASE("A rule of the whole output is looked at when the fields are fine") {
  const auto fitted = fit(signature_of<Bill>(), outputs(7, 7));

  REQUIRE_FALSE(fitted);
  CHECK(fitted.error() == Violations{{.path = "", .rule = "adds_up", .message = "adds up to 6, not the total"}});
  CHECK(to_sentence(fitted.error(), "the output") == "the output adds up to 6, not the total");
}

TEST_CASE("Outputs that are missing or unknown are violations") {
  const auto fitted = fit(signature_of<Bill>(), {{"lines", JsonArray()}, {"lucky", 2}, {"odd name", 1}});

  REQUIRE_FALSE(fitted);
  CHECK(to_sentence(fitted.error()) == "`total` is missing; `[\"odd name\"]` is not an output of the signature");
}

TEST_CASE("A value that the C++ type of a validator cannot hold is told by that validator") {
  auto lucky = *signature_of<Bill>().find("lucky");
  CHECK(fit(lucky, 3'000'000'000).error()[0].rule == "le");  // the field's own type
  lucky.type = Type::integer();
  const auto fitted = fit(lucky, 3'000'000'000);

  REQUIRE_FALSE(fitted);
  CHECK(fitted.error()[0].rule == "is_prime");
  CHECK(fitted.error()[0].message.starts_with("is 3000000000, beyond its C++ type"));
}

TEST_CASE("Validators and computed fields can be given at run time") {
  auto signature = Signature::parse("question -> first: int, second: int");
  signature.validators.push_back({"in_order", [](const Json& outputs) -> std::optional<std::string> {
                                    if (outputs.at("first").as_int64() < outputs.at("second").as_int64())
                                      return std::nullopt;
                                    return "is not in order";
                                  }});
  signature.computed.push_back({make_field("sum", Type::integer()), [](const JsonObject& outputs) {
                                  return Json(outputs.at("first").as_int64() + outputs.at("second").as_int64());
                                }});
  signature.computed.push_back({make_field("twice", Type::integer({.le = 10})),
                                [](const JsonObject& outputs) { return Json(outputs.at("sum").as_int64() * 2); }});
  validate(signature);

  CHECK(to_text(*fit(signature, {{"first", 1}, {"second", 2}})) == R"({"first":1,"second":2,"sum":3,"twice":6})");
  CHECK(fit(signature, {{"first", 2}, {"second", 2}}).error()[0].rule == "in_order");
  CHECK(to_sentence(fit(signature, {{"first", 3}, {"second", 4}}).error()) == "`twice` is 14, above the maximum 10");
}

TEST_CASE("Validators and computed fields that cannot work are refused with the signature") {
  const auto plain = Signature::parse("a -> b");
  const auto problem = [](const Signature& signature) {
    const auto result = attempt([&] { validate(signature); });
    REQUIRE_FALSE(result);
    return std::string(result.error().what());
  };

  auto signature = plain;
  signature.validators.push_back({"", [](const Json&) { return std::nullopt; }});
  CHECK(problem(signature) == "the signature has a validator without a name or a function; give it both");
  signature = plain;
  signature.computed.push_back({make_field("c"), nullptr});
  CHECK(problem(signature) == "the computed field `c` has no function; give it one");
  signature = plain;
  signature.computed.push_back({make_field("b"), [](const JsonObject&) { return Json(); }});
  CHECK(problem(signature) == "the name `b` is taken by two fields; give each input and output a name of its own");
}

#if DSPY_REFLECTION
namespace {

struct Marked {
  enum class Urgency { low[[= label("can wait")]], high[[= label("today, please")]] };
  struct Input {};
  struct Output {
    [[ = validator("is_prime", &is_prime), = above{1}, = multiple_of{1} ]] int number = 2;
    [[ = matches("^[a-z]+$"), = default_value("x") ]] std::string word;
    [[= unique{}]] std::vector<int> items;
    [[= one_of(1, 2, 3)]] int choice = 1;
    Urgency urgency = Urgency::low;
  };
};

}  // namespace

TEST_CASE("Annotations hold validators, limits and labels") {
  const auto& signature = signature_of<Marked>();
  CHECK(to_notation(signature) ==
        "-> number: Annotated[int, Field(gt=1, le=2147483647, multiple_of=1)], word: Annotated[str, "
        "Field(pattern='^[a-z]+$')] = 'x', "
        "items: set[Annotated[int, Field(ge=-2147483648, le=2147483647)]], choice: Literal[1, 2, 3], "
        "urgency: Annotated[Literal['low', 'high'], Field(title='Urgency', labels=['can wait', 'today, please'])]");
  CHECK(fit(*signature.find("number"), 9).error()[0].rule == "is_prime");
}
#endif
