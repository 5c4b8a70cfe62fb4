#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/memory_store.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/store.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <format>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::test {

inline std::vector<Passage> conformance_passages(std::size_t count) {
  Random random(11);
  std::vector<Passage> out;
  for (std::size_t i = 0; i < count; ++i) {
    Passage passage{
        .id = std::format("passage {}", i), .text = std::format("text {} – é", i), .source = std::format("s{}", i % 3)};
    for (int x = 0; x < 8; ++x) passage.vector.push_back(static_cast<float>(random.uniform() * 2 - 1));
    passage.metadata["lang"] = i % 2 == 0 ? "en" : "de";
    if (i % 3 != 0) passage.metadata["year"] = static_cast<std::int64_t>(2000 + random.below(20));
    if (i % 4 == 0) passage.metadata["rating"] = static_cast<double>(random.below(50)) / 10;
    if (i % 5 == 0) passage.metadata["draft"] = random.below(2) == 0;
    passage.metadata["tags"] = JsonArray{"a", static_cast<std::int64_t>(i)};
    passage.begin = i;
    passage.end = i + 5;
    out.push_back(std::move(passage));
  }
  return out;
}

inline std::vector<Filter> conformance_filters() {
  return {{},
          Filter::eq("lang", "en"),
          Filter::ne("lang", "en"),
          Filter::ne("draft", true),
          Filter::eq("year", 2010.0),
          Filter::ne("year", 2010),
          Filter::gte("year", 2010) && Filter::lt("year", 2015),
          Filter::gt("rating", 2.5),
          Filter::in("lang", {"de", "fr"}),
          Filter::nin("year", {2001, 2002, 2003}),
          Filter::nin("draft", {true, "x"}),
          Filter::in("lang", {}),
          !(Filter::eq("lang", "en") || Filter::eq("draft", false)),
          !Filter::in("year", {2004, 2005}),
          Filter::eq("source", "s1"),
          Filter::eq("lang", "en") && (Filter::lte("year", 2004) || Filter::gte("rating", 4)),
          Filter::exists("rating"),
          Filter::exists("rating", false),
          Filter::eq("lang", 1),
          !Filter::gt("rating", 2.5),
          !(Filter::gte("year", 2010) || Filter::eq("lang", "de")),
          Filter::contains("tags", 4),
          Filter::contains("tags", "a"),
          Filter::eq("id", "passage 3"),
          Filter::eq("text", "text 4 – é"),
          Filter::eq("draft", nullptr),
          Filter::any({})};
}

/// Filters of several conditions each, drawn by chance.
inline Filter random_filter(Random& random, int depth) {
  const auto year = static_cast<std::int64_t>(2000 + random.below(20));
  const auto rating = static_cast<double>(random.below(50)) / 10;
  switch (random.below(depth == 0 ? 8 : 11)) {
    case 0: return Filter::eq("lang", random.below(2) == 0 ? "en" : "fr");
    case 1: return Filter::ne("year", year);
    case 2: return Filter::gte("year", year);
    case 3: return Filter::lt("rating", rating);
    case 4: return Filter::in("year", {year, year + 1, "x"});
    case 5: return Filter::nin("draft", {true});
    case 6: return Filter::exists("rating", random.below(2) == 0);
    case 7: return Filter::eq("source", "s2");
    case 8: return !random_filter(random, depth - 1);
    case 9: return random_filter(random, depth - 1) && random_filter(random, depth - 1);
    default: return random_filter(random, depth - 1) || random_filter(random, depth - 1);
  }
}

inline std::set<std::string> ids_of(const std::vector<Hit>& hits) {
  std::set<std::string> out;
  for (const auto& hit : hits) out.insert(hit.passage.id);
  return out;
}

/// The same passages, filters and searches for a store that is a server and for the plain loop of `MemoryStore`.
class StoreConformance {
 public:
  explicit StoreConformance(std::shared_ptr<Store> store, StoreOptions options = {})
      : ours_(std::move(store)), plain_(std::move(options)) {}

  void run() {
    auto passages = conformance_passages(150);
    wait(plain_.upsert(passages));
    wait(ours_->upsert(passages));
    same("count", wait(ours_->count()), passages.size());
    for (const auto& filter : conformance_filters()) compare(filter);
    Random random(5);
    for (int i = 0; i < 60; ++i) compare(random_filter(random, 3));
    read_back(passages);
    replace(passages[4]);
    wait(ours_->remove({"passage 1", "passage 2", "not there"}));
    wait(plain_.remove({"passage 1", "passage 2"}));
    same("count after removing", wait(ours_->count()), wait(plain_.count()));
    wait(ours_->remove_where(Filter::eq("lang", "de")));
    wait(plain_.remove_where(Filter::eq("lang", "de")));
    same("count after removing by a filter", wait(ours_->count()), wait(plain_.count()));
  }

  std::size_t same() const { return same_; }
  std::size_t refused() const { return refused_; }
  /// What was answered otherwise, by name.
  const std::vector<std::string>& different() const { return different_; }

 private:
  template <class T>
  void same(std::string_view what, const T& ours, const T& plain) {
    if (ours == plain) {
      ++same_;
    } else {
      different_.emplace_back(what);
    }
  }

  void compare(const Filter& filter) {
    const auto name = to_text(to_json(filter));
    const StoreQuery query{.vector = {1, 0.5F, -0.25F, 0.1F, 0, 0.3F, -1, 0.7F}, .k = 10, .filter = filter};
    try {
      const auto found = wait(ours_->search(query)), expected = wait(plain_.search(query));
      same("search " + name, ids_of(found), ids_of(expected));
      for (std::size_t i = 0; i < std::min(found.size(), expected.size()); ++i)
        same("score " + name, std::fabs(found[i].score - expected[i].score) < 1e-4, true);
      same("count " + name, wait(ours_->count(filter)), wait(plain_.count(filter)));
    } catch (const Error& error) {
      if (error.code() != Errc::unsupported) throw;
      ++refused_;
    }
  }

  void read_back(const std::vector<Passage>& passages) {
    std::set<std::string> seen;
    std::string cursor;
    do {
      auto page = wait(ours_->scan({}, cursor, 40));
      for (const auto& passage : page.passages) seen.insert(passage.id);
      cursor = page.next;
    } while (!cursor.empty());
    same("scan", seen.size(), passages.size());
    seen.clear();
    do {
      auto page = wait(ours_->scan(Filter::eq("lang", "en"), cursor, 40));
      for (const auto& passage : page.passages) seen.insert(passage.id);
      cursor = page.next;
    } while (!cursor.empty());
    same("scan by a filter", seen.size(), passages.size() / 2);
    const auto got = wait(ours_->get({passages[7].id, "not there", passages[3].id}));
    same("get", got.size(), std::size_t{2});
    for (const auto& passage : got) {
      const auto& original = passages[passage.id == passages[7].id ? 7 : 3];
      same("metadata", passage.metadata, original.metadata);
      same("text", passage.text, original.text);
      same("place", passage.begin + passage.end, original.begin + original.end);
    }
  }

  /// What a passage had before is found no more.
  void replace(Passage passage) {
    passage.metadata.erase("year");
    passage.metadata["lang"] = "fr";
    wait(ours_->upsert({passage}));
    wait(plain_.upsert({passage}));
    same("count after replacing", wait(ours_->count()), wait(plain_.count()));
    for (const auto& filter : {Filter::gte("year", 0), Filter::eq("lang", "fr"), Filter::eq("lang", "en")})
      compare(filter);
  }

  std::shared_ptr<Store> ours_;
  MemoryStore plain_;
  std::size_t same_ = 0, refused_ = 0;
  std::vector<std::string> different_;
};

}  // namespace dspy::test
