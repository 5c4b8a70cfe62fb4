#include "dspy/signature/prediction.hpp"

#include "dspy/base/error.hpp"

#include <doctest/doctest.h>

#include <cstdint>

using namespace dspy;

TEST_CASE("A prediction gives its values by name, or says which names there are") {
  const Prediction prediction{.data = {{"answer", "Paris"}, {"confidence", 0.5}}};

  CHECK(prediction.at("answer") == "Paris");
  CHECK(*prediction.get("confidence") == 0.5);
  CHECK(prediction.get("reasoning") == nullptr);
  CHECK_THROWS_WITH_AS(prediction.at("reasoning"),
                       "the prediction has no field `reasoning`; its fields are `answer` and `confidence`", Error);
  CHECK_THROWS_WITH_AS(Prediction{}.at("x"), "the prediction has no field `x`; it is empty", Error);
}

TEST_CASE("Usage adds up beyond 32 bits") {
  const Usage one{
      .requests = 1, .prompt_tokens = 3'000'000'000, .completion_tokens = 2'000'000'000, .cache_read_tokens = 5};
  Usage sum;

  sum += one;
  sum += one;

  CHECK(sum == one + one);
  CHECK(sum.requests == 2);
  CHECK(sum.total_tokens() == std::uint64_t{10'000'000'000});
  CHECK(sum.cache_read_tokens == 10);
  CHECK(Prediction{.lm_usage = sum}.usage().prompt_tokens == std::uint64_t{6'000'000'000});
}
