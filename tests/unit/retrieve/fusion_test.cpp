#include "dspy/retrieve/fusion.hpp"

#include "dspy/base/error.hpp"
#include "support/store_conformance.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

std::vector<Hit> list(std::vector<std::pair<std::string, double>> entries) {
  std::vector<Hit> out;
  for (const auto& [id, score] : entries) out.push_back({{.id = id}, score, {{"test", score, out.size() + 1}}});
  return out;
}

double score_of(const std::vector<Hit>& hits, const std::string& id) {
  for (const auto& hit : hits)
    if (hit.passage.id == id) return hit.score;
  return -1;
}

}  // namespace

// The figures are those of ranx's own tests of the method.
TEST_CASE("Reciprocal ranks") {
  const auto hits = fuse({list({{"d3", 3}, {"d2", 2}, {"d1", 1}}), list({{"d1", 3}, {"d2", 2}}), list({{"d3", 1}})});
  CHECK(score_of(hits, "d1") == doctest::Approx(1.0 / 63 + 1.0 / 61));
  CHECK(score_of(hits, "d2") == doctest::Approx(1.0 / 62 + 1.0 / 62));
  CHECK(score_of(hits, "d3") == doctest::Approx(1.0 / 61 + 1.0 / 61));
  CHECK(test::ids_of(hits) == std::vector<std::string>{"d3", "d1", "d2"});
  CHECK(hits[1].parts.size() == 2);
  CHECK(score_of(fuse({list({{"a", 1}}), list({{"b", 1}})}, {.weights = {0, 2}}), "b") == doctest::Approx(2.0 / 61));
  CHECK(score_of(fuse({list({{"a", 1}})}, {.constant = 0}), "a") == 1);
}

TEST_CASE("Weighted scores and scores by their distribution") {
  const FusionOptions weighted{.method = Fusion::weighted, .weights = {0.75, 0.25}};
  const auto hits = fuse({list({{"a", 10}, {"b", 6}, {"c", 2}}), list({{"c", 0.9}, {"a", 0.1}})}, weighted);
  CHECK(score_of(hits, "a") == doctest::Approx(0.75));
  CHECK(score_of(hits, "b") == doctest::Approx(0.375));
  CHECK(score_of(hits, "c") == doctest::Approx(0.25));
  CHECK(score_of(fuse({list({{"a", 4}, {"b", 4}})}, {.method = Fusion::weighted}), "b") == 1);
  // Mean 4, deviation 2: from -2 to 10.
  const auto spread = fuse({list({{"a", 6}, {"b", 4}, {"c", 2}})}, {.method = Fusion::distribution});
  CHECK(score_of(spread, "a") == doctest::Approx(8.0 / 12));
  CHECK(score_of(spread, "b") == doctest::Approx(0.5));
  CHECK(fuse({}).empty());
  CHECK_THROWS_WITH_AS(fuse({list({{"a", 1}})}, {.weights = {1, 2}}), "2 weights for 1 lists; give one for each",
                       Error);
  CHECK_THROWS_AS(fuse({list({{"a", 1}})}, {.weights = {-1}}), Error);
}

// The picks are those of LangChain's function for the same vectors.
TEST_CASE("Marginal relevance") {
  const std::vector<float> query = {1, .2F};
  const std::vector<std::vector<float>> candidates = {{1, 0}, {.9F, .1F}, {.95F, -.05F}, {.5F, .8F}, {0, 1}};
  using Picks = std::vector<std::size_t>;
  CHECK(marginal_relevance(query, candidates, 4, 1) == Picks{1, 0, 2, 3});
  CHECK(marginal_relevance(query, candidates, 4, .7) == Picks{1, 0, 2, 3});
  CHECK(marginal_relevance(query, candidates, 4, .5) == Picks{1, 4, 0, 2});
  CHECK(marginal_relevance(query, candidates, 4, .3) == Picks{1, 4, 3, 2});
  CHECK(marginal_relevance(query, candidates, 4, 0) == Picks{1, 4, 3, 2});
  CHECK(marginal_relevance(query, {}, 4).empty());
  CHECK(marginal_relevance(query, candidates, 9).size() == 5);
  CHECK_THROWS_AS(marginal_relevance(query, {{1, 2, 3}}, 1), Error);
  CHECK_THROWS_AS(marginal_relevance(query, candidates, 1, 1.5), Error);
}
