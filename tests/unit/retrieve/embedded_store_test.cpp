#include "dspy/retrieve/embedded/embedded_store.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/storage/database.hpp"
#include "support/folder.hpp"
#include "support/index_crash.hpp"
#include "support/store_conformance.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace dspy;

namespace fs = std::filesystem;

namespace {

EmbeddedOptions small_segments(std::size_t graph_from = 50'000) {
  EmbeddedOptions options;
  options.flush_from = 50;
  options.graph_from = graph_from;
  return options;
}

std::vector<fs::path> segments_of(const fs::path& index) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(index))
    if (entry.path().extension() == ".vec") found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

void flip(const fs::path& path, std::size_t at) {
  auto bytes = read_file(path, 1U << 30);
  bytes.at(at) = static_cast<char>(bytes[at] ^ 1);
  replace_file(path, bytes);
}

std::string why(const auto& work) {
  const auto done = attempt(work);
  REQUIRE_FALSE(done);
  return done.error().what();
}

}  // namespace

TEST_CASE("EmbeddedStore finds the same after it was closed, compacted and opened again") {
  const test::Folder folder;
  const auto path = (folder.path / "index").string();
  const auto passages = test::sample_passages(300, 16);
  const StoreQuery near{.vector = passages[7].vector, .text = "quick fox", .k = 20, .filter = Filter::ne("lang", "de")};
  std::vector<Hit> before;
  {
    EmbeddedStore store(path, small_segments());
    for (std::size_t start = 0; start < passages.size(); start += 30)
      wait(store.upsert({passages.begin() + static_cast<std::ptrdiff_t>(start),
                         passages.begin() + static_cast<std::ptrdiff_t>(start) + 30}));
    wait(store.remove({"p0003", "p0101", "p0222"}));
    wait(store.upsert({passages[11]}));
    before = wait(store.search(near));
    CHECK(segments_of(path).size() < 5);
  }
  EmbeddedStore store(path, small_segments());
  test::same_hits(wait(store.search(near)), before);
  CHECK(wait(store.check()).problems.empty());
  wait(store.compact());
  CHECK(segments_of(path).size() == 1);
  test::same_hits(wait(store.search(near)), before);
  const auto check = wait(store.check());
  CHECK(check.problems.empty());
  CHECK(check.passages == 297);
  CHECK(check.vectors == 297);
  wait(store.remove_where({}));
  CHECK(wait(store.count()) == 0);
  CHECK(wait(store.search(near)).empty());
  wait(store.compact());
  CHECK(segments_of(path).empty());
  CHECK(wait(store.check()).problems.empty());
}

TEST_CASE("EmbeddedStore with an approximate index finds nearly all, and all of what a filter asks for") {
  const test::Folder folder;
  const auto passages = test::sample_passages(3'000, 24);
  EmbeddedOptions options = small_segments(1'000);
  options.flush_from = 4'000;
  EmbeddedStore store((folder.path / "index").string(), options);
  MemoryStore plain;
  wait(store.upsert(passages));
  wait(plain.upsert(passages));
  wait(store.compact());
  CHECK(wait(store.recall_self_check(100, 10)) >= 0.95);
  std::vector<std::string> removed;
  for (std::size_t i = 0; i < passages.size(); i += 5) removed.push_back(passages[i].id);
  wait(store.remove(removed));
  wait(plain.remove(removed));
  CHECK(wait(store.recall_self_check(100, 10)) >= 0.95);
  Random random(9);
  std::size_t found = 0;
  for (int round = 0; round < 20; ++round) {
    StoreQuery query{.vector = test::random_vector(random, 24), .k = 10};
    const auto expected = test::ids_of(wait(plain.search(query)));
    for (const auto& id : test::ids_of(wait(store.search(query)))) found += std::ranges::contains(expected, id) ? 1 : 0;
    query.exact = true;
    CHECK(test::ids_of(wait(store.search(query))) == expected);
    query.exact = false;
    query.filter = Filter::gt("year", 2001);
    test::same_hits(wait(store.search(query)), wait(plain.search(query)));
  }
  CHECK(found >= 190);
}

TEST_CASE(
    "EmbeddedStore finds all that filters of a half, a twentieth and a two-hundredth leave, also after removals") {
  const test::Folder folder;
  EmbeddedOptions options = small_segments(1'000);
  options.flush_from = 2'500;
  EmbeddedStore store((folder.path / "index").string(), options);
  MemoryStore plain;
  auto passages = test::sample_passages(2'000, 16);
  for (std::size_t i = 0; i < passages.size(); ++i) passages[i].metadata["part"] = static_cast<std::int64_t>(i % 200);
  wait(store.upsert(passages));
  wait(plain.upsert(passages));
  wait(store.compact());  // with a graph
  Random random(21);
  for (const bool has_removed : {false, true}) {
    if (has_removed) {
      std::vector<std::string> removed;
      for (std::size_t i = 0; i < passages.size(); i += 3) removed.push_back(passages[i].id);
      wait(store.remove(removed));
      wait(plain.remove(removed));
    }
    for (const auto& filter : {Filter::lt("part", 100), Filter::lt("part", 10), Filter::eq("part", 7)})
      for (int round = 0; round < 10; ++round) {
        const StoreQuery query{.vector = test::random_vector(random, 16), .k = 10, .filter = filter};
        test::same_hits(wait(store.search(query)), wait(plain.search(query)));
      }
  }
}

TEST_CASE("EmbeddedStore keeps vectors in 16 bits where it is asked to") {
  const test::Folder folder;
  EmbeddedOptions options = small_segments();
  options.half = true;
  EmbeddedStore store((folder.path / "index").string(), options);
  const auto passages = test::sample_passages(200, 20);
  wait(store.upsert(passages));
  wait(store.compact());
  const auto hits = wait(store.search({.vector = passages[42].vector, .k = 1, .with_vectors = true}));
  CHECK(hits.at(0).passage.id == "p0042");
  CHECK(hits.at(0).score == doctest::Approx(1).epsilon(2e-3));
  CHECK(wait(store.check()).problems.empty());
}

TEST_CASE("EmbeddedStore refuses what does not fit the index") {
  const test::Folder folder;
  const auto path = (folder.path / "index").string();
  {
    EmbeddedOptions options;
    options.embedder = "small|4";
    EmbeddedStore store(path, options);
    wait(store.upsert(test::sample_passages(3, 4)));
    CHECK(why([&] {
            EmbeddedStore other(path);
            wait(other.upsert(test::sample_passages(1, 4)));
          }).contains("is being written by process"));
    EmbeddedOptions only_reads;
    only_reads.is_read_only = true;
    EmbeddedStore reader(path, only_reads);
    CHECK(wait(reader.count()) == 3);
    CHECK(why([&] { wait(reader.remove({"p0000"})); }).contains("opened for reading"));
  }
  EmbeddedOptions options;
  options.embedder = "large|8";
  CHECK(
      why([&] { const EmbeddedStore store(path, options); }) ==
      std::format("the index `{}` was made with the embedder `small|4`, not `large|8`; use that one, or build another "
                  "index",
                  path));
  options = {};
  options.dimensions = 5;
  CHECK(why([&] { const EmbeddedStore store(path, options); }).contains("made with the vector length `4`, not `5`"));
  options = {};
  options.similarity = Similarity::dot;
  CHECK(why([&] { const EmbeddedStore store(path, options); }).contains("similarity `cosine`, not `dot`"));
  options = {};
  options.create = false;
  CHECK(why([&] {
          const EmbeddedStore store((folder.path / "none").string(), options);
        }).contains("there is no index in"));
  CHECK_FALSE(fs::exists(folder.path / "none"));
}

TEST_CASE("EmbeddedStore refuses an index of a newer version and leaves a damaged one where it is") {
  const test::Folder folder;
  const auto path = folder.path / "index";
  {
    const EmbeddedStore store(path.string());
  }
  {
    storage::Database database(path / "index.sqlite");
    database.execute("PRAGMA user_version=7");
  }
  CHECK(why([&] { const EmbeddedStore store(path.string()); }).contains("newer version of the library (format 7"));
  const auto other = folder.path / "other";
  fs::create_directories(other);
  replace_file(other / "index.sqlite", std::string(20'000, 'x'));
  CHECK(why([&] { const EmbeddedStore store(other.string()); }).contains("damaged"));
  CHECK(fs::exists(other / "index.sqlite"));
}

TEST_CASE("A changed bit in a segment is found; the rest serves, and what is lost can be kept anew") {
  const test::Folder folder;
  const auto path = folder.path / "index";
  const auto passages = test::sample_passages(200, 16);
  {
    EmbeddedOptions options;
    options.flush_from = 100;
    EmbeddedStore store(path.string(), options);
    wait(store.upsert(passages));                                                     // a segment
    wait(store.upsert({{.id = "x", .text = "late", .vector = passages[0].vector}}));  // waits
  }
  const auto segment = segments_of(path).at(0);
  const auto size = fs::file_size(segment);
  for (const std::size_t at :
       {std::size_t{20}, std::size_t{300}, static_cast<std::size_t>(size / 2), static_cast<std::size_t>(size - 4)}) {
    CAPTURE(at);
    flip(segment, at);
    EmbeddedStore store(path.string());
    const auto hits = wait(store.search({.vector = passages[0].vector, .k = 5}));
    CHECK(test::ids_of(hits) == std::vector<std::string>{"x"});
    CHECK(wait(store.info()).damages.size() == 1);
    CHECK(wait(store.search({.text = "quick", .k = 500})).size() > 20);
    const auto check = wait(store.check());
    CHECK_FALSE(check.problems.empty());
    CHECK(check.affected.size() == 200);
    CHECK(why([&] { wait(store.get({"p0001"})); }).contains("damaged segment"));
    CHECK(why([&] { wait(store.compact()); }).contains("200 passages"));
    flip(segment, at);
  }
  flip(segment, 300);
  EmbeddedStore store(path.string());
  wait(store.upsert({passages.begin(), passages.begin() + 150}));
  CHECK(wait(store.check()).affected.size() == 50);
  wait(store.compact({.give_up_damaged = true}));
  const auto check = wait(store.check());
  CHECK(check.problems.empty());
  CHECK(check.passages == 201);
  CHECK(check.vectors == 151);
  CHECK(wait(store.info()).damages.empty());
}

TEST_CASE("A segment of a newer version is refused") {
  const test::Folder folder;
  const auto path = folder.path / "index";
  {
    EmbeddedStore store(path.string(), small_segments());
    wait(store.upsert(test::sample_passages(60, 8)));
  }
  const auto segment = segments_of(path).at(0);
  auto bytes = read_file(segment, 1U << 30);
  bytes[8] = 9;
  replace_file(segment, bytes);
  CHECK(why([&] { const EmbeddedStore store(path.string()); }).contains("newer version of the library (format 9"));
}

TEST_CASE("A changed text in the index is found, left out and replaced") {
  const test::Folder folder;
  const auto path = folder.path / "index";
  {
    EmbeddedStore store(path.string());
    wait(store.upsert(test::sample_passages(20, 4)));
  }
  {
    storage::Database database(path / "index.sqlite");
    database.execute("UPDATE passages SET text = text || '!' WHERE id = 'p0004'");
  }
  EmbeddedStore store(path.string());
  CHECK(why([&] { wait(store.get({"p0004"})); }) == "the passage `p0004` in the index is damaged; keep it anew");
  CHECK(wait(store.check()).affected == std::vector<std::string>{"p0004"});
  const auto hits = wait(store.search({.vector = {1, 0, 0, 0}, .k = 20}));
  CHECK(hits.size() == 19);
  CHECK(wait(store.info()).damages.size() == 1);
  wait(store.upsert({test::sample_passages(20, 4).at(4)}));
  CHECK(wait(store.check()).problems.empty());
}

TEST_CASE("Readers see whole changes while one writes, flushes and compacts") {
  const test::Folder folder;
  const auto path = (folder.path / "index").string();
  EmbeddedStore store(path, small_segments());
  wait(store.upsert({{.id = "first", .text = "stone", .vector = {1, 0, 0, 0}}}));
  std::atomic<bool> is_done = false;
  std::atomic<int> wrong = 0, searches = 0;
  const auto read = [&] {
    EmbeddedOptions options;
    options.is_read_only = true;
    EmbeddedStore reader(path, options);
    while (!is_done) {
      // Batches of ten: whole or not at all.
      if (wait(reader.count(Filter::contains("id", "b"))) % 10 != 0) ++wrong;
      if (wait(reader.search({.vector = {1, 0, 0, 0}, .k = 3})).at(0).passage.id != "first") ++wrong;
      ++searches;
    }
  };
  std::thread one(read), two(read);
  Random random(4);
  for (int batch = 0; batch < 40; ++batch) {
    std::vector<Passage> passages;
    for (int i = 0; i < 10; ++i) {
      auto vector = test::random_vector(random, 4);
      vector[0] = -1;
      passages.push_back({.id = std::format("b{}-{}", batch, i), .text = "river", .vector = std::move(vector)});
    }
    wait(store.upsert(passages));
    if (batch % 13 == 12) wait(store.compact());
  }
  is_done = true;
  one.join();
  two.join();
  CHECK(wrong == 0);
  CHECK(searches > 0);
  CHECK(wait(store.count()) == 401);
  CHECK(wait(store.check()).problems.empty());
}

TEST_CASE("An index survives the end of its writer at any moment") {
  const test::Folder folder;
  test::index_survives_kills(folder.path / "index", 10, 100);
}

TEST_CASE("An index whose making was interrupted is made by the next writer") {
  const test::Folder folder;
  const auto path = folder.path / "index";
  fs::create_directories(path);
  replace_file(path / "index.sqlite", "");
  auto reader = EmbeddedOptions();
  reader.is_read_only = true;
  CHECK(why([&] { EmbeddedStore(path.string(), reader); }).contains("was not finished"));
  EmbeddedStore store(path.string());
  wait(store.upsert(test::sample_passages(5, 4)));
  CHECK(wait(store.count()) == 5);
}
