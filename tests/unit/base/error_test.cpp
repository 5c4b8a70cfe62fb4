#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

#include <set>
#include <type_traits>

using namespace dspy;

TEST_CASE("Every error code has a name of its own") {
  std::set<std::string_view> names;
  constexpr int count = static_cast<int>(Errc::cancelled) + 1;
  for (int i = 0; i < count; ++i) {
    const auto name = to_string(static_cast<Errc>(i));
    CAPTURE(i);
    CHECK(name != "unknown");
    names.insert(name);
  }
  CHECK(names.size() == static_cast<std::size_t>(count));
  CHECK(to_string(Errc::context_too_long) == "context_too_long");
}

TEST_CASE("Error carries code, message and facts, and its copies share them") {
  static_assert(std::is_nothrow_copy_constructible_v<Error>);
  const Error error(Errc::context_too_long, "the prompt has 9000 tokens where 8192 fit", {.actual = 9000, .max = 8192});

  const Error copy = error;

  CHECK(copy.code() == Errc::context_too_long);
  CHECK(std::string_view(copy.what()) == "the prompt has 9000 tokens where 8192 fit");
  CHECK(copy.info().actual == 9000);
  CHECK(&copy.info() == &error.info());
  CHECK_FALSE(Error(Errc::cancelled, "stopped").info().max);
}

TEST_CASE("to_json prints every fact that is set and no other") {
  using namespace std::chrono_literals;
  const Error plain(Errc::io_error, "no such file");
  const Error full(Errc::rate_limit_exceeded, "slow down",
                   {.used = 11,
                    .limit = 10,
                    .position = 3,
                    .status = 429,
                    .retry_after = 1500ms,
                    .model = "m",
                    .provider = "p",
                    .request_id = "r"});

  CHECK(to_text(to_json(plain)) == R"({"kind":"io_error","message":"no such file"})");
  CHECK(to_text(to_json(full)) ==
        R"({"kind":"rate_limit_exceeded","message":"slow down","used":11,"limit":10,"position":3,"status":429,)"
        R"("retry_after_ms":1500,"model":"m","provider":"p","request_id":"r"})");
}

TEST_CASE("A parse error always prints what is missing, invalid and readable") {
  const Error error(Errc::parse_error, "the field `b` is missing", {.missing = {"b"}, .partial = {{"a", 1}}});

  CHECK(
      to_text(to_json(error)) ==
      R"({"kind":"parse_error","missing":["b"],"invalid":[],"message":"the field `b` is missing","partial":{"a":1}})");
}

TEST_CASE("attempt turns what is thrown into a value") {
  const auto fine = attempt([] { return 7; });
  const auto nothing = attempt([] {});
  const auto ours = attempt([]() -> int { throw Error(Errc::cancelled, "stopped"); });
  const auto foreign = attempt([]() -> std::string { throw std::out_of_range("beyond"); });

  CHECK(fine == 7);
  CHECK(nothing.has_value());
  REQUIRE_FALSE(ours);
  CHECK(ours.error().code() == Errc::cancelled);
  REQUIRE_FALSE(foreign);
  CHECK(foreign.error().code() == Errc::inference_failed);
  CHECK(std::string_view(foreign.error().what()) == "beyond");
}
