#include "dspy/signature/field.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

using namespace dspy;

namespace {

void limit(Field& field, const Limits& limits) {
  field.type = with_limits(field.type, limits);
}

Field field_of(std::string_view type, const std::function<void(Field&)>& change = [](Field&) {}) {
  auto field = make_field("x", Type::parse(type));
  change(field);
  return field;
}

}  // namespace

TEST_CASE("make_field derives the label from the name") {
  const auto field = make_field("order_id", Type::integer(), "The order's number.");

  CHECK(field.name == "order_id");
  CHECK(field.label == "Order id");
  CHECK(field.type == Type::integer());
  CHECK(field.description == "The order's number.");
  CHECK(make_field("answer").type == Type::string());
}

TEST_CASE("make_field refuses what is not an identifier") {
  for (const auto* name : {"", "1st", "my field", "a-b", "a①", "a\n", "\xFF"}) {
    CAPTURE(name);
    CHECK_THROWS_WITH_AS(make_field(name), doctest::Contains("is not a field name; use letters"), Error);
  }
}

TEST_CASE("A field is required unless it is optional or has a default") {
  CHECK(field_of("int").is_required());
  CHECK_FALSE(field_of("Optional[int]").is_required());
  CHECK_FALSE(field_of("int", [](Field& f) { f.default_value = 3; }).is_required());
}

TEST_CASE("fit holds a value to the field's limits, both ends included") {
  struct Case {
    std::string_view type;
    std::function<void(Field&)> limits;
    Json value;
    std::string_view reason;  ///< Empty where the value fits.
  };
  const auto range = [](Field& f) { limit(f, {.ge = -1, .le = 5}); };
  const auto length = [](Field& f) { limit(f, {.min_length = 2, .max_length = 3}); };
  const std::vector<Case> cases = {
      {"int", range, 5, ""},
      {"int", range, -1, ""},
      {"int", range, 7, "is 7, above the maximum 5"},
      {"int", range, -2, "is -2, below the minimum -1"},
      {"float", range, 5.0, ""},
      {"float", range, 5.25, "is 5.25, above the maximum 5"},
      {"float", [](Field& f) { limit(f, {.ge = 0.5}); }, 0, "is 0, below the minimum 0.5"},
      {"Optional[float]", range, nullptr, ""},
      {"Optional[float]", range, 6, "is 6, above the maximum 5"},
      {"str", length, "ab", ""},
      {"str", length, "€€€", ""},
      {"str", length, "a", "has 1 character, below the minimum 2"},
      {"str", length, "€€€€", "has 4 characters, above the maximum 3"},
      {"list[int]", length, JsonArray{1, 2}, ""},
      {"list[int]", length, JsonArray{1}, "has 1 item, below the minimum 2"},
      {"dict[str, int]", length, JsonObject{{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}},
       "has 4 items, above the maximum 3"},
      {"Optional[str]", length, nullptr, ""},
      {"int", range, "7", "is a string, not an integer"},
  };
  for (const auto& [type, limits, value, reason] : cases) {
    CAPTURE(type);
    CAPTURE(to_text(value));
    const auto fitted = fit(field_of(type, limits), value);
    CHECK(fitted.has_value() == reason.empty());
    if (!fitted) CHECK(to_sentence(fitted.error()) == "`x` " + std::string(reason));
  }
}

TEST_CASE("validate refuses fields that contradict themselves") {
  struct Case {
    std::string_view type;
    std::function<void(Field&)> change;
    std::string_view message;
  };
  const std::vector<Case> cases = {
      {"int", [](Field& f) { f.type.limits = {.ge = 5, .le = 1}; },
       "the field `x` has limits that no value can meet, ge=5 and le=1; change one of them"},
      {"int", [](Field& f) { f.type.limits = {.le = std::nan("")}; },
       "the field `x` has the limit `le=\"NaN\"`, which is not a finite number; leave it out"},
      {"str", [](Field& f) { f.type.limits = {.ge = 5}; },
       "the field `x` has the limit `ge`, but is a `str`; only `int` and `float` have a range"},
      {"Optional[bool]", [](Field& f) { f.type.limits = {.max_length = 5}; },
       "the field `x` has the limit `max_length`, but is a `Optional[bool]`; only `str`, `bytes`, `list` and `dict` "
       "have "
       "a length"},
      {"str", [](Field& f) { f.type.limits = {.min_length = 5, .max_length = 1}; },
       "the field `x` has limits that no value can meet, min_length=5 and max_length=1; change one of them"},
      {"int", [](Field& f) { f.default_value = "x"; },
       "the field `x` has a default that is a string, not an integer; choose one that is valid"},
      {"int", [](Field& f) { f.default_value = 9, f.type.limits = {.le = 5}; },
       "the field `x` has a default that is 9, above the maximum 5; choose one that is valid"},
      {"int", [](Field& f) { f.label.clear(); },
       "the field `x` has no label; build fields with `make_field`, which derives it from the name"},
      {"int", [](Field& f) { f.label = "a\nb"; }, "the field `x` has a label of several lines; make it one line"},
      {"int", [](Field& f) { f.description = "\xFF"; },
       "the field `x` has a label or description that is not UTF-8; save the text as UTF-8"},
      {"int", [](Field& f) { f.type.kind = Type::Kind::list; },
       "the field `x` has an incomplete type; build types with `Type::list` and its siblings"},
      {"list[list[int]]", [](Field& f) { f.type.arguments[0].arguments.clear(); },
       "the field `x` has an incomplete type; build types with `Type::list` and its siblings"},
      {"int", [](Field& f) { f.type.kind = Type::Kind::literal; },
       "the field `x` has an incomplete type; build types with `Type::list` and its siblings"},
      {"int", [](Field& f) { f.name = "a b"; },
       "`a b` is not a field name; use letters, digits and `_`, and do not start with a digit"},
  };
  for (const auto& [type, change, message] : cases) {
    CAPTURE(message);
    CHECK_THROWS_WITH_AS(validate(field_of(type, change)), std::string(message).c_str(), Error);
  }
  CHECK_NOTHROW(
      validate(field_of("Optional[float]", [](Field& f) { limit(f, {.ge = 0, .le = 0}), f.default_value = nullptr; })));
  CHECK_NOTHROW(
      validate(field_of("dict[str, int]", [](Field& f) { f.type.limits = {.min_length = 1, .max_length = 1}; })));
}
