// What tests/unit/llama/constrained_replies_test.cpp asserts, of more contracts and of every budget.

#include "support/held_requests.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>

namespace dspy {
namespace {

/// Where the seeds begin; another run may try others: `DSPY_FIRST_SEED=1000000`.
std::uint64_t first_seed() {
  const auto* const text = std::getenv("DSPY_FIRST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 100'000;
}

}  // namespace

TEST_CASE("a model of random weights keeps each of 2,000 contracts") {
  test::check_alone(test::RandomModel::Tokenizer::byte_level, first_seed(), 1000);
  test::check_alone(test::RandomModel::Tokenizer::sentence_pieces, first_seed() + 10'000, 1000);
}

TEST_CASE("a held reply can be read at every budget, from the least one up") {
  test::check_budgets(test::RandomModel::Tokenizer::byte_level, first_seed() + 20'000, 250, 40);
  test::check_budgets(test::RandomModel::Tokenizer::sentence_pieces, first_seed() + 30'000, 250, 40);
}

TEST_CASE("many held replies at once can be read, whoever gives up") {
  test::check_together(test::RandomModel::Tokenizer::byte_level, first_seed() + 40'000, 1000);
}

}  // namespace dspy
