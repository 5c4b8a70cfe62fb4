#include "dspy/lm/request.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/completion.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace dspy;

TEST_CASE("Sampling::over takes what is unset from the fallback") {
  const Sampling own{.max_tokens = 7, .temperature = 0.0, .stop = {"END"}};
  const Sampling fallback{.max_tokens = 512,
                          .temperature = 0.7,
                          .top_p = 0.9,
                          .top_k = 40,
                          .min_p = 0.1,
                          .repeat_penalty = 1.1,
                          .repeat_last_n = 64,
                          .seed = 3,
                          .stop = {"\n\n"},
                          .logprobs = 5,
                          .field_temperatures = {{"label", 0}}};

  const auto merged = own.over(fallback);

  auto expected = fallback;
  expected.max_tokens = 7;
  expected.temperature = 0.0;
  expected.stop = {"END"};
  CHECK(merged == expected);
  CHECK(Sampling{}.over(fallback) == fallback);
  CHECK(own.over({}) == own);
}

TEST_CASE("validate accepts every value within its range") {
  CHECK_NOTHROW(validate(Sampling{}));
  CHECK_NOTHROW(validate(Sampling{.max_tokens = 1,
                                  .temperature = 0,
                                  .top_p = 1,
                                  .top_k = 0,
                                  .min_p = 0,
                                  .repeat_penalty = 1,
                                  .repeat_last_n = 0,
                                  .seed = 0,
                                  .stop = {"."},
                                  .logprobs = 0,
                                  .field_temperatures = {{"label", 0}}}));
}

TEST_CASE("validate names the first value outside its range, and the range") {
  constexpr auto nan = std::numeric_limits<double>::quiet_NaN();
  constexpr auto infinity = std::numeric_limits<double>::infinity();
  struct Case {
    Sampling sampling;
    std::string_view message;
  };
  const std::vector<Case> cases = {
      {{.max_tokens = 0}, "`max_tokens` must be at least 1, but is 0"},
      {{.max_tokens = -5, .temperature = -1}, "`max_tokens` must be at least 1, but is -5"},
      {{.temperature = -0.5}, "`temperature` must be a number of at least 0, but is -0.5"},
      {{.temperature = nan}, "`temperature` must be a number of at least 0, but is nan"},
      {{.temperature = infinity}, "`temperature` must be a number of at least 0, but is inf"},
      {{.top_p = 0}, "`top_p` must be above 0 and at most 1, but is 0"},
      {{.top_p = 1.01}, "`top_p` must be above 0 and at most 1, but is 1.01"},
      {{.top_k = -1}, "`top_k` must be at least 0 (which is off), but is -1"},
      {{.min_p = 2}, "`min_p` must be from 0 to 1, but is 2"},
      {{.repeat_penalty = 0}, "`repeat_penalty` must be a number above 0 (1 is off), but is 0"},
      {{.repeat_last_n = -1}, "`repeat_last_n` must be at least 0, but is -1"},
      {{.logprobs = -1}, "`logprobs` must be from 0 to 100, but is -1"},
      {{.logprobs = 101}, "`logprobs` must be from 0 to 100, but is 101"},
      {{.field_temperatures = {{"label", nan}}},
       "`field_temperatures[\"label\"]` must be a number of at least 0, but is nan"},
      {{.stop = {"a", ""}}, "`stop` must be a list of texts that are not empty, but is `\"\"`"},
  };
  for (const auto& [sampling, message] : cases) {
    CAPTURE(message);
    const auto result = attempt([&] { validate(sampling); });
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code() == Errc::invalid_parameter);
    CHECK(std::string_view(result.error().what()) == message);
  }
}

TEST_CASE("A reply tells the probability of an output's value, of all its tokens") {
  const Completion reply{.logprobs = {{.text = "{\"mood\": ", .forced = true},
                                      {.text = "\"glad", .logprob = std::log(0.5), .field = "mood"},
                                      {.text = "ly\"", .logprob = std::log(0.25), .field = "mood"}}};

  CHECK(reply.probability("mood").value() == doctest::Approx(0.125));
  CHECK_FALSE(reply.probability("score").has_value());
  CHECK_FALSE(reply.probability("").has_value());
}

TEST_CASE("Finish reasons have the names that providers use") {
  CHECK(to_string(FinishReason::stop) == "stop");
  CHECK(to_string(FinishReason::length) == "length");
}
