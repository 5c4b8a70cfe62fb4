#include "dspy/retrieve/filter.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/random.hpp"
#include "retrieve/values.hpp"
#include "support/store_conformance.hpp"

#include <doctest/doctest.h>

#include <compare>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using namespace dspy;

TEST_CASE("Filter::matches compares values of one kind") {
  const JsonObject fields = {{"lang", "en"},   {"year", 2020},    {"rating", 4.5},
                             {"draft", false}, {"gone", nullptr}, {"tags", JsonArray{"red", 3}}};
  CHECK(Filter().matches(fields));
  CHECK(Filter::eq("lang", "en").matches(fields));
  CHECK_FALSE(Filter::eq("lang", "EN").matches(fields));
  CHECK(Filter::eq("year", 2020.0).matches(fields));
  CHECK_FALSE(Filter::eq("year", "2020").matches(fields));
  CHECK(Filter::gt("rating", 4).matches(fields));
  CHECK_FALSE(Filter::gt("lang", 4).matches(fields));
  CHECK(Filter::gte("lang", "de").matches(fields));
  CHECK(Filter::lt("year", 2020.5).matches(fields));
  CHECK_FALSE(Filter::lt("missing", 5).matches(fields));
  CHECK(Filter::ne("missing", 5).matches(fields));
  CHECK((!Filter::lt("missing", 5)).matches(fields));
  CHECK(Filter::in("year", {2019, 2020}).matches(fields));
  CHECK_FALSE(Filter::in("year", JsonArray{}).matches(fields));
  CHECK(Filter::nin("missing", {1}).matches(fields));
  CHECK(Filter::exists("gone").matches(fields));
  CHECK(Filter::eq("gone", nullptr).matches(fields));
  CHECK(Filter::exists("missing", false).matches(fields));
  CHECK(Filter::contains("tags", "red").matches(fields));
  CHECK(Filter::contains("tags", 3.0).matches(fields));
  CHECK_FALSE(Filter::contains("tags", "re").matches(fields));
  CHECK(Filter::contains("lang", "n").matches(fields));
  CHECK((Filter::eq("lang", "de") || Filter::eq("draft", false)).matches(fields));
  CHECK_FALSE((Filter::eq("lang", "de") && Filter::eq("draft", false)).matches(fields));
  CHECK_FALSE(Filter::any({}).matches(fields));
}

TEST_CASE("A filter is the same after it was written and read") {
  Random random(5);
  for (int round = 0; round < 200; ++round) {
    const auto filter = test::random_filter(random);
    CHECK(filter_from_json(Json(to_json(filter))) == filter);
  }
  CHECK(filter_from_json(JsonObject{}).is_everything());
  CHECK(filter_from_json(parse_json(R"({"lang": "en", "year": {"$gte": 2000, "$lt": 2010}})").value()) ==
        (Filter::eq("lang", "en") && (Filter::gte("year", 2000) && Filter::lt("year", 2010))));
}

TEST_CASE("A filter that cannot be read says where") {
  const auto why = [](const char* text) {
    const auto done = attempt([&] { return filter_from_json(parse_json(text).value()); });
    REQUIRE_FALSE(done);
    CHECK(done.error().code() == Errc::invalid_parameter);
    return std::string(done.error().what());
  };
  CHECK(why(R"({"a": {"$eqq": 1}})") == "the filter at `a` has the unknown operator `$eqq`; did you mean `$eq`?");
  CHECK(why(R"({"$and": [{"a": 1}, {"b": {}}]})") == "the filter at `$and[1].b` has no operator; write `{\"$eq\": …}`");
  CHECK(why(R"({"$or": {"a": 1}})") == "the filter at `$or` wants a list of filters for `$or`");
  CHECK(why(R"([1])") == "the filter is not an object such as `{\"lang\": \"en\"}`");
  CHECK(why(R"({"a": {"$gt": true}})") == "a filter `$gt` on the field `a` takes a text or a number");
  CHECK(why(R"({"a": {"b": 1}})").contains("only metadata fields"));
  CHECK(why(R"({"a": [1]})").contains("takes a text, a number"));
  std::string deep;
  for (int i = 0; i < 80; ++i) deep += R"({"$not":)";
  deep += "{}";
  deep += std::string(80, '}');
  CHECK(why(deep.c_str()).contains("nested more than 64 deep"));
}

TEST_CASE("Keys of values are in the order of the values") {
  const std::int64_t large = std::numeric_limits<std::int64_t>::max();
  const std::vector<Json> numbers = {std::numeric_limits<std::int64_t>::min(),
                                     -1e300,
                                     -1.5,
                                     -1,
                                     -0.0,
                                     0,
                                     1e-300,
                                     1,
                                     1.0,
                                     9007199254740992.0,
                                     9007199254740993,
                                     large - 1,
                                     large,
                                     9223372036854775808.0,
                                     9223372036854775809U,
                                     std::numeric_limits<std::uint64_t>::max(),
                                     18446744073709551616.0,
                                     1e300};
  for (const auto& a : numbers)
    for (const auto& b : numbers) {
      CAPTURE(a);
      CAPTURE(b);
      CHECK(compare_values(a, b) == (value_key(a) <=> value_key(b)));
    }
  CHECK(compare_values(9007199254740992.0, 9007199254740993) == std::partial_ordering::less);
  CHECK(compare_values(-0.0, 0) == std::partial_ordering::equivalent);
  CHECK(compare_values("10", 10) == std::partial_ordering::unordered);
  CHECK(value_key("a\xC3\xA9") > value_key("az"));
  CHECK(value_key(JsonArray{}).empty());
}
