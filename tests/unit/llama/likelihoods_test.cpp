#include "llama/sampling/likelihoods.hpp"

#include "llama/mask/contract.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace dspy::llama {
namespace {

constexpr float never = -std::numeric_limits<float>::infinity();

TEST_CASE("log-probabilities are those of all tokens, without what is suppressed or impossible") {
  const std::vector<float> logits = {0, std::log(2.0F), never, 9, std::log(5.0F)};
  const std::vector<Token> suppressed = {3};

  const Likelihoods likely(logits, nullptr, suppressed);

  CHECK(std::exp(likely.logprob(0)) == doctest::Approx(1 / 8.0));
  CHECK(std::exp(likely.logprob(1)) == doctest::Approx(2 / 8.0));
  CHECK(std::exp(likely.logprob(4)) == doctest::Approx(5 / 8.0));
  CHECK(likely.logprob(2) == never);
  CHECK(likely.logprob(3) == never);
  CHECK(likely.logprob(-1) == never);
  const auto top = likely.top(2);
  REQUIRE(top.size() == 2);
  CHECK(top[0].first == 4);
  CHECK(top[1].first == 1);
  CHECK(likely.top(50).size() == 3);
}

TEST_CASE("log-probabilities under a mask are those of the tokens it allows, few or many") {
  std::vector<std::string> pieces;
  for (int i = 0; i < 600; ++i) pieces.push_back((i % 2 == 0 ? "e" : "o") + std::to_string(i));
  const auto vocabulary = std::make_shared<const mask::Vocabulary>(pieces, std::vector<Token>{});
  const std::vector<float> logits(600, 1.5F);
  struct Case {
    const char* pattern;
    std::size_t count;
  };
  for (const auto& [pattern, count] : {Case{"e[0-9]", 5}, Case{"[eo][0-9]+", 600}}) {
    CAPTURE(pattern);
    auto grammar = mask::compile_regex(pattern);
    mask::Constraint constraint(std::move(grammar.pool), grammar.start, vocabulary);
    const auto allowed = constraint.mask(constraint.start());
    REQUIRE(allowed->count() == count);

    const Likelihoods likely(logits, allowed.get(), {});

    CHECK(likely.logprob(4) == doctest::Approx(-std::log(static_cast<double>(count))));
    CHECK((likely.logprob(11) == never) == (count == 5));
    CHECK(likely.top(1000).size() == count);
  }
}

}  // namespace
}  // namespace dspy::llama
