#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/memory_store.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/store.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <format>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

// What every store must do: the same passages, the same questions, the same answers as the plain loop of `MemoryStore`.
// `make` gives an empty store each time it is called.

namespace dspy::test {

using MakeStore = std::function<std::shared_ptr<Store>()>;

inline std::vector<float> random_vector(Random& random, std::size_t size) {
  std::vector<float> out(size);
  for (float& x : out) x = static_cast<float>(random.uniform() * 2 - 1);
  return out;
}

/// Passages of a fixed world: languages, years, tags, ratings, some without this or that.
inline std::vector<Passage> sample_passages(std::size_t count, std::size_t dimensions, std::uint64_t seed = 7) {
  static constexpr const char* words[] = {"engine", "stars", "river", "quick", "fox", "garden", "light", "stone"};
  static constexpr const char* languages[] = {"en", "de", "fr"};
  Random random(seed);
  std::vector<Passage> out;
  for (std::size_t i = 0; i < count; ++i) {
    Passage passage{.id = std::format("p{:04}", i), .vector = random_vector(random, dimensions)};
    const auto length = 3 + random.below(12);
    for (std::uint64_t word = 0; word < length; ++word)
      passage.text += std::format("{}{}", word == 0 ? "" : " ", words[random.below(std::size(words))]);
    passage.source = std::format("doc{}.md", i % 5);
    passage.begin = 10 * i;
    passage.end = 10 * i + passage.text.size();
    passage.metadata["lang"] = languages[random.below(3)];
    if (i % 3 != 0) passage.metadata["year"] = static_cast<std::int64_t>(2000 + random.below(25));
    if (i % 4 == 0) passage.metadata["rating"] = static_cast<double>(random.below(100)) / 10;
    if (i % 2 == 0) passage.metadata["draft"] = random.below(2) == 0;
    JsonArray tags;
    for (const char* tag : {"red", "green", "blue"})
      if (random.below(3) == 0) tags.emplace_back(tag);
    passage.metadata["tags"] = tags;
    out.push_back(std::move(passage));
  }
  return out;
}

inline std::vector<std::string> ids_of(const std::vector<Hit>& hits) {
  std::vector<std::string> out;
  for (const auto& hit : hits) out.push_back(hit.passage.id);
  return out;
}

inline std::vector<Passage> all_passages(Store& store, const Filter& filter = {}, std::size_t limit = 7) {
  std::vector<Passage> out;
  std::string cursor;
  do {
    auto page = wait(store.scan(filter, cursor, limit));
    CHECK(page.passages.size() <= limit);
    std::ranges::move(page.passages, std::back_inserter(out));
    cursor = page.next;
  } while (!cursor.empty());
  return out;
}

/// A random filter over the fields of `sample_passages`.
inline Filter random_filter(Random& random, int depth = 0) {
  const auto kind = random.below(depth < 3 ? 10 : 7);
  const auto year = static_cast<std::int64_t>(1998 + random.below(30));
  switch (kind) {
    case 0: return Filter::eq("lang", random.below(2) == 0 ? "en" : "de");
    case 1: return Filter::gt("year", year);
    case 2: return Filter::lte("year", year);
    case 3: return Filter::contains("tags", random.below(2) == 0 ? "red" : "blue");
    case 4: return Filter::eq("draft", random.below(2) == 0);
    case 5: return Filter::in("source", {"doc1.md", "doc3.md"});
    case 6: return Filter::ne("year", year);
    case 7: return !random_filter(random, depth + 1);
    case 8: return random_filter(random, depth + 1) && random_filter(random, depth + 1);
    default: return random_filter(random, depth + 1) || random_filter(random, depth + 1);
  }
}

inline void same_hits(const std::vector<Hit>& found, const std::vector<Hit>& expected) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].score == doctest::Approx(expected[i].score).epsilon(1e-5));
    CHECK(found[i].passage.id == expected[i].passage.id);
    CHECK(found[i].passage.text == expected[i].passage.text);
    CHECK(found[i].passage.source == expected[i].passage.source);
    CHECK(found[i].passage.begin == expected[i].passage.begin);
    CHECK(found[i].passage.end == expected[i].passage.end);
    CHECK(found[i].passage.metadata == expected[i].passage.metadata);
  }
}

inline void check_round_trip(const MakeStore& make) {
  const auto store = make();
  const auto passages = sample_passages(40, 8);
  wait(store->upsert(passages));
  CHECK(wait(store->count()) == 40);

  const auto found = wait(store->get({"p0003", "missing", "p0001"}));
  REQUIRE(found.size() == 2);
  CHECK(found[0].id == "p0003");
  CHECK(found[1].text == passages[1].text);
  CHECK(found[1].metadata == passages[1].metadata);
  CHECK(found[1].begin == passages[1].begin);
  CHECK(found[1].vector.size() == 8);

  auto changed = passages[1];
  changed.text = "something else";
  changed.metadata = {{"lang", "it"}};
  wait(store->upsert({changed}));
  CHECK(wait(store->count()) == 40);
  CHECK(wait(store->get({"p0001"})).at(0).text == "something else");
  CHECK(wait(store->count(Filter::eq("lang", "it"))) == 1);

  const auto removed = wait(store->remove({"p0001", "p0002", "missing"}));
  if (removed) CHECK(*removed == 2);
  CHECK(wait(store->count()) == 38);
  CHECK(wait(store->get({"p0001"})).empty());
  wait(store->remove_where(Filter::eq("source", "doc0.md")));
  CHECK(wait(store->count(Filter::eq("source", "doc0.md"))) == 0);
  CHECK(wait(store->count()) == 30);
  if (!wait(store->info()).abilities.scan) return;
  const auto all = all_passages(*store);
  CHECK(all.size() == 30);
  CHECK(std::ranges::is_sorted(all, {}, &Passage::id));
}

inline void check_searches(const MakeStore& make) {
  const auto store = make();
  MemoryStore plain({.similarity = wait(store->info()).similarity});
  const auto passages = sample_passages(120, 12);
  wait(store->upsert(passages));
  wait(plain.upsert(passages));
  wait(store->remove({"p0005", "p0077"}));
  wait(plain.remove({"p0005", "p0077"}));
  Random random(3);
  for (int round = 0; round < 20; ++round) {
    CAPTURE(round);
    const StoreQuery query{.vector = random_vector(random, 12), .k = 1 + random.below(15)};
    same_hits(wait(store->search(query)), wait(plain.search(query)));
  }
  if (!wait(store->info()).abilities.text_search) return;
  const StoreQuery words{.text = "quick fox", .k = 30};
  const auto found = wait(store->search(words)), expected = wait(plain.search(words));
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i].score == doctest::Approx(expected[i].score));
}

/// Filters give what a plain loop gives, and searches with them the best of that.
inline void check_filters(const MakeStore& make) {
  const auto store = make();
  if (!wait(store->info()).abilities.filters) return;
  MemoryStore plain({.similarity = wait(store->info()).similarity});
  const auto passages = sample_passages(150, 8);
  wait(store->upsert(passages));
  wait(plain.upsert(passages));
  Random random(11);
  for (int round = 0; round < 60; ++round) {
    const auto filter = random_filter(random);
    CAPTURE(to_text(Json(to_json(filter))));
    const auto counted = attempt([&] { return wait(store->count(filter)); });
    if (!counted) {  // what a store cannot express it says, and does not widen
      CHECK(counted.error().code() == Errc::unsupported);
      continue;
    }
    CHECK(*counted == static_cast<std::size_t>(std::ranges::count_if(
                          passages, [&](const Passage& passage) { return filter.matches(passage); })));
    const StoreQuery query{.vector = random_vector(random, 8), .k = 10, .filter = filter};
    same_hits(wait(store->search(query)), wait(plain.search(query)));
  }
}

inline void check_refusals(const MakeStore& make) {
  const auto store = make();
  wait(store->upsert(sample_passages(5, 4)));
  const auto refuses = [&](std::vector<Passage> passages) {
    const auto done = attempt([&] { wait(store->upsert(std::move(passages))); });
    REQUIRE_FALSE(done);
    CHECK(done.error().code() == Errc::invalid_parameter);
  };
  refuses({{.id = "a", .text = "x", .vector = {1, 2, 3}}});
  refuses({{.id = "a", .text = "x", .vector = {1, 2, 3, std::numeric_limits<float>::quiet_NaN()}}});
  if (wait(store->info()).similarity == Similarity::cosine) refuses({{.id = "a", .text = "x", .vector = {0, 0, 0, 0}}});
  refuses({{.id = "a", .text = "x"}, {.id = "a", .text = "y"}});
  refuses({{.id = " ", .text = "x"}});
  refuses({{.id = "a", .text = "\xFF"}});
  refuses({{.id = "a", .text = "x", .metadata = {{"text", "y"}}}});
  refuses({{.id = "a", .text = "x", .metadata = {{"size", std::numeric_limits<double>::infinity()}}}});
  CHECK_THROWS_AS(wait(store->search({.vector = {1, 2}, .k = 3})), Error);
  CHECK_THROWS_AS(wait(store->search({.vector = {1, 2, 3, 4}, .k = 0})), Error);
  CHECK_THROWS_AS(wait(store->search({.k = 3})), Error);
  if (wait(store->info()).abilities.knows_fields)
    CHECK_THROWS_WITH_AS(wait(store->count(Filter::eq("lnag", "en"))),
                         "no passage has the field `lnag` that the filter asks for; did you mean `lang`?", Error);
  CHECK(wait(store->count()) == 5);
}

/// All of it, as subcases of the test it is called in.
inline void check_store(const MakeStore& make) {
  SUBCASE("what is kept comes back") {
    check_round_trip(make);
  }
  SUBCASE("searches find what a loop finds") {
    check_searches(make);
  }
  SUBCASE("filters find what a loop finds") {
    check_filters(make);
  }
  SUBCASE("what cannot be is refused, and nothing is changed") {
    check_refusals(make);
  }
}

}  // namespace dspy::test
