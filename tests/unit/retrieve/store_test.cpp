#include "dspy/retrieve/store.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/retrieve/embedded/embedded_store.hpp"
#include "dspy/retrieve/memory_store.hpp"
#include "support/folder.hpp"
#include "support/store_conformance.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

using namespace dspy;

TEST_CASE("MemoryStore does what every store does") {
  test::check_store([] { return open_store("memory:"); });
}

TEST_CASE("EmbeddedStore does what every store does") {
  const test::Folder folder;
  int number = 0;
  const auto make = [&](EmbeddedOptions options) {
    return [&, options]() -> std::shared_ptr<Store> {
      return std::make_shared<EmbeddedStore>((folder.path / std::to_string(number++)).string(), options);
    };
  };
  SUBCASE("with vectors that wait") {
    test::check_store(make({}));
  }
  SUBCASE("with segments") {
    EmbeddedOptions options;
    options.flush_from = 10;
    test::check_store(make(options));
  }
  SUBCASE("by distance") {
    EmbeddedOptions options;
    options.similarity = Similarity::euclidean;
    options.flush_from = 10;
    test::check_store(make(options));
  }
  SUBCASE("by product") {
    EmbeddedOptions options;
    options.similarity = Similarity::dot;
    options.flush_from = 10;
    test::check_store(make(options));
  }
}

TEST_CASE("open_store tells which schemes there are") {
  CHECK_THROWS_WITH_AS(open_store("memroy:"),
                       "no part of this program offers stores of the scheme `memroy`; did you mean `memory`?; there is "
                       "`memory`, and a path for the embedded store",
                       Error);
  CHECK_THROWS_AS(open_store(" "), Error);
}

// The vectors of Lucene's formula, computed by hand from its definition.
TEST_CASE("Searches by words score as Lucene does") {
  const std::vector<Passage> passages = {{.id = "d1", .text = "the quick brown fox jumps over the lazy dog"},
                                         {.id = "d2", .text = "the quick brown dog"},
                                         {.id = "d3", .text = "lazy cats sleep all day"},
                                         {.id = "d4", .text = "foxes are quick and clever"},
                                         {.id = "d5", .text = "a dog and a cat"}};
  const test::Folder folder;
  std::vector<std::shared_ptr<Store>> stores = {open_store("memory:"), open_store((folder.path / "index").string())};
  for (const auto& store : stores) {
    wait(store->upsert(passages));
    const auto score = [&](const char* text, const char* id) {
      for (const auto& hit : wait(store->search({.text = text, .k = 5})))
        if (hit.passage.id == id) return hit.score;
      return 0.0;
    };
    CHECK(score("quick", "d1") == doctest::Approx(.1962536023).epsilon(1e-9));
    CHECK(score("quick", "d2") == doctest::Approx(.2774246695).epsilon(1e-9));
    CHECK(score("quick", "d4") == doctest::Approx(.2562292363).epsilon(1e-9));
    CHECK(score("fox", "d1") == doctest::Approx(.5047625762).epsilon(1e-9));
    CHECK(score("the", "d1") == doctest::Approx(.4673617664).epsilon(1e-9));
    CHECK(score("the", "d2") == doctest::Approx(.4506089089).epsilon(1e-9));
    CHECK(score("Quick, dog!", "d2") == doctest::Approx(.554849339).epsilon(1e-9));
    CHECK(score("quick dog", "d5") == doctest::Approx(.2562292363).epsilon(1e-9));
    CHECK(score("\"AND\" NEAR(*)", "d3") == 0);
    // What is removed does not count any more.
    wait(store->remove({"d5"}));
    wait(store->upsert({passages[4]}));
    CHECK(score("quick", "d1") == doctest::Approx(.1962536023).epsilon(1e-9));
  }
}

TEST_CASE("A query with a vector and words fuses both orders") {
  const auto store = open_store("memory:");
  wait(store->upsert({{.id = "a", .text = "stars", .vector = {1, 0}}, {.id = "b", .text = "river", .vector = {0, 1}}}));
  const auto hits = wait(store->search({.vector = {1, 0}, .text = "stars", .k = 2}));
  REQUIRE(hits.size() == 2);
  CHECK(hits[0].passage.id == "a");
  CHECK(hits[0].score == doctest::Approx(2.0 / 61));
  REQUIRE(hits[0].parts.size() == 2);
  CHECK(hits[0].parts[0] == ScorePart{"vector", 1, 1});
  CHECK(hits[0].parts[1].by == "text");
}
