#include "dspy/retrieve/retriever.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/retrieve/embedding_cache.hpp"
#include "dspy/retrieve/embeddings.hpp"
#include "dspy/retrieve/store.hpp"
#include "dspy/storage/database.hpp"
#include "storage/redis_connection.hpp"
#include "storage/resp.hpp"
#include "support/cache_server.hpp"
#include "support/folder.hpp"
#include "support/store_conformance.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

/// Three numbers: how often `a`, `b` and `c` stand in the text.
class LetterEmbedder final : public Embedder {
 public:
  std::vector<std::vector<std::string>> asked;
  std::chrono::milliseconds delay{0};
  int failures = 0;

  std::string_view model() const noexcept override { return "letters"; }
  std::size_t dimensions() const noexcept override { return 3; }
  Async<Embeddings> embed(EmbedRequest request) override {
    asked.push_back(request.texts);
    if (delay.count() != 0) co_await sleep(delay);
    if (failures > 0) {
      --failures;
      throw Error(Errc::unavailable, "not now");
    }
    Embeddings out;
    for (const auto& text : request.texts) {
      std::vector<float> vector(3, 0.01F);
      for (const char c : text)
        if (c >= 'a' && c <= 'c') ++vector[static_cast<std::size_t>(c - 'a')];
      out.vectors.push_back(std::move(vector));
    }
    out.usage.requests = 1;
    co_return out;
  }
};

/// Prefers short documents.
class ShortReranker final : public Reranker {
 public:
  std::string_view model() const noexcept override { return "short"; }
  Async<Ranking> rank(RankRequest request) override {
    Ranking out;
    for (std::size_t i = 0; i < request.documents.size(); ++i)
      out.documents.push_back({i, -static_cast<double>(request.documents[i].size())});
    std::ranges::stable_sort(out.documents, std::ranges::greater(), &Ranked::score);
    if (request.top != 0 && out.documents.size() > request.top) out.documents.resize(request.top);
    co_return out;
  }
};

std::shared_ptr<Store> letters(LetterEmbedder& embedder) {
  auto store = open_store("memory:");
  std::vector<Passage> passages;
  for (const char* text : {"aaa stone", "aab river", "bbb", "ccc quick", "abc fox fox fox"})
    passages.push_back({.id = text, .text = text, .vector = embedder({text}).at(0)});
  wait(store->upsert(passages));
  return store;
}

struct Program {
  Retriever search;
  Predictor answer;
};

}  // namespace

TEST_CASE("Retriever finds by vector, by words, by both, and ranks anew") {
  auto embedder = std::make_shared<LetterEmbedder>();
  const auto store = letters(*embedder);
  CHECK(test::ids_of(Retriever(store, {.k = 2, .embedder = embedder})("aaaa")) ==
        std::vector<std::string>{"aaa stone", "aab river"});
  CHECK(test::ids_of(Retriever(store, {.k = 2})("fox river")) ==
        std::vector<std::string>{"abc fox fox fox", "aab river"});
  const auto both = Retriever(store, {.k = 3, .embedder = embedder, .hybrid = true})("bb river");
  CHECK(both.at(0).passage.id == "aab river");
  CHECK(both.at(0).parts.size() == 2);
  const auto ranked =
      Retriever(store, {.k = 2, .embedder = embedder, .reranker = std::make_shared<ShortReranker>()})("a");
  CHECK(test::ids_of(ranked) == std::vector<std::string>{"bbb", "aaa stone"});
  CHECK(ranked.at(0).score == -3);
  CHECK(ranked.at(0).parts.back() == ScorePart{"rerank", -3, 1});
  const auto diverse = Retriever(store, {.k = 2, .embedder = embedder, .diversity_balance = 0.3})("aaaa");
  CHECK(diverse.at(0).passage.id == "aaa stone");
  CHECK(diverse.at(1).passage.id != "aab river");
  CHECK(diverse.at(0).passage.vector.empty());
  const auto filtered = Retriever(store, {.k = 5, .embedder = embedder, .filter = Filter::eq("id", "bbb")})("a");
  CHECK(test::ids_of(filtered) == std::vector<std::string>{"bbb"});
}

TEST_CASE("Retriever refuses options that contradict each other, and blank questions") {
  auto embedder = std::make_shared<LetterEmbedder>();
  const auto store = letters(*embedder);
  CHECK_THROWS_AS(Retriever(nullptr), Error);
  CHECK_THROWS_AS(Retriever(store, {.k = 0}), Error);
  CHECK_THROWS_AS(Retriever(store, {.hybrid = true}), Error);
  CHECK_THROWS_AS(Retriever(store, {.diversity_balance = 0.5}), Error);
  CHECK_THROWS_AS(Retriever(store, {.embedder = embedder, .diversity_balance = 2}), Error);
  const Retriever search(store);
  CHECK_THROWS_WITH_AS(search(" \n"), "a search for a blank question; ask for something", Error);
}

TEST_CASE("Retriever is a member of programs, and Retrieve has DSPy's outputs") {
  auto embedder = std::make_shared<LetterEmbedder>();
  Program program{Retriever(letters(*embedder), {.k = 1}), Predictor(Signature::parse("question -> answer"))};
  CHECK(named_predictors(program).size() == 1);
  const auto found = Retrieve(program.search)("fox");
  CHECK(found.at("passages") == Json(JsonArray{"abc fox fox fox"}));
  CHECK(found.at("scores").as_array().size() == 1);
}

TEST_CASE("Embeddings finds in a corpus, and is the same after it was saved") {
  const test::Folder folder;
  auto embedder = std::make_shared<LetterEmbedder>();
  const std::vector<std::string> corpus = {"a stone", "bb", "ccc", "ab"};
  const retrievers::Embeddings search(corpus, embedder, {.k = 2, .batch_size = 3});
  CHECK(embedder->asked.size() == 2);
  const auto found = search("aaa");
  CHECK(found.at("passages") == Json(JsonArray{"a stone", "ab"}));
  CHECK(found.at("indices") == Json(JsonArray{0U, 3U}));
  search.save(folder.path / "saved");
  const auto loaded = retrievers::Embeddings::load(folder.path / "saved", embedder);
  CHECK(loaded("aaa").data == found.data);
  const auto approximate = retrievers::Embeddings(corpus, embedder, {.k = 2, .brute_force_threshold = 2});
  CHECK(approximate("aaa").at("passages") == found.at("passages"));
  auto bytes = folder.read("saved/corpus.vec");
  bytes[300] = static_cast<char>(bytes[300] ^ 1);
  folder.write("saved/corpus.vec", bytes);
  CHECK_THROWS_AS(retrievers::Embeddings::load(folder.path / "saved", embedder), Error);
  CHECK_THROWS_AS(retrievers::Embeddings({}, embedder), Error);
}

TEST_CASE("CachedEmbedder asks for each text once") {
  const test::Folder folder;
  auto inner = std::make_shared<LetterEmbedder>();
  const auto file = folder.path / "embeddings.sqlite";
  {
    CachedEmbedder cache(inner, {.file = file});
    const auto first = wait(cache.embed({.texts = {"a", "b", "a"}}));
    CHECK(inner->asked.at(0) == std::vector<std::string>{"a", "b"});
    CHECK(first.vectors[0] == first.vectors[2]);
    CHECK(first.usage.requests == 1);
    const auto second = wait(cache.embed({.texts = {"b", "c"}}));
    CHECK(inner->asked.at(1) == std::vector<std::string>{"c"});
    CHECK(second.vectors[0] == first.vectors[1]);
    CHECK(wait(cache.embed({.texts = {"a", "b"}})).usage.requests == 0);
    wait(cache.embed({.texts = {"a"}, .role = EmbedRole::query}));
    CHECK(inner->asked.size() == 3);
    CHECK(cache.stats().memory_hits == 3);
    CHECK(cache.stats().misses == 4);
  }
  CachedEmbedder cache(inner, {.file = file});
  CHECK(wait(cache.embed({.texts = {"c"}})).vectors.at(0) == (*inner)({"c"}).at(0));
  CHECK(cache.stats().disk_hits == 1);
  {
    storage::Database database(file);
    database.execute("UPDATE vectors SET vector = zeroblob(12)");
  }
  CHECK(wait(cache.embed({.texts = {"b"}})).vectors.at(0).at(1) > 1);
  CHECK(cache.stats().damaged == 1);
}

TEST_CASE("CachedEmbedder keeps to its memory, joins equal calls, and remembers no errors") {
  auto inner = std::make_shared<LetterEmbedder>();
  CachedEmbedder small(inner, {.memory_bytes = 800});
  for (const char* text : {"a", "b", "c", "a"}) small({text});
  CHECK(inner->asked.size() == 4);
  CHECK(small.stats().bytes <= 800);

  inner->asked.clear();
  inner->delay = std::chrono::milliseconds(50);
  CachedEmbedder cache(inner);
  std::vector<std::future<Embeddings>> calls;
  for (int i = 0; i < 8; ++i) calls.push_back(spawn(cache.embed({.texts = {"same", i % 2 == 0 ? "x" : "y"}})));
  for (auto& call : calls) CHECK(call.get().vectors.size() == 2);
  std::size_t texts = 0;
  for (const auto& batch : inner->asked) texts += batch.size();
  CHECK(texts == 3);

  inner->failures = 1;
  CHECK_THROWS_AS(cache({"new"}), Error);
  CHECK(cache({"new"}).size() == 1);
}

TEST_CASE("CachedEmbedder shares vectors over a server, which may be slow, away or wrong") {
  test::CacheServer server;
  if (!server.is_there()) {
    MESSAGE("skipped: there is no valkey-server; install it");
    return;
  }
  auto inner = std::make_shared<LetterEmbedder>();
  const EmbeddingCacheOptions options{.server = server.url()};
  CachedEmbedder here(inner, options), there(inner, options);
  std::vector<std::string> texts;
  for (int i = 0; i < 600; ++i) texts.push_back("a" + std::to_string(i));  // several batches
  const auto made = wait(here.embed({.texts = texts}));
  CHECK(inner->asked.size() == 1);
  const auto shared = wait(there.embed({.texts = texts}));
  CHECK(inner->asked.size() == 1);
  CHECK(shared.vectors == made.vectors);
  CHECK(there.stats().server_hits == 600);
  CHECK(there.stats().misses == 0);
  wait(there.embed({.texts = texts}));
  CHECK(there.stats().memory_hits == 600);
  // Roles are different texts.
  wait(there.embed({.texts = {"a1"}, .role = EmbedRole::query}));
  CHECK(inner->asked.size() == 2);

  // A damaged vector is made anew.
  storage::RedisConnection direct(storage::RedisAddress::parse(server.url()),
                                  std::chrono::steady_clock::now() + std::chrono::seconds(5));
  const auto soon = [] { return std::chrono::steady_clock::now() + std::chrono::seconds(5); };
  const auto names = direct.ask({"KEYS", "dspy:embedding:*"}, soon());
  REQUIRE(names.list.size() == 601);
  for (const auto& name : names.list) direct.ask({"SETRANGE", name.text, "9", "x"}, soon());
  CachedEmbedder later(inner, options);
  CHECK(wait(later.embed({.texts = {"a5"}})).vectors.at(0) == made.vectors.at(5));
  CHECK(later.stats().damaged == 1);
  CHECK(inner->asked.size() == 3);

  // Without an answer calls go on, and soon do not ask any more.
  server.freeze();
  const auto begun = std::chrono::steady_clock::now();
  CachedEmbedder alone(inner, options);
  for (int i = 0; i < 30; ++i) CHECK(alone({"b" + std::to_string(i)}).size() == 1);
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(3));
  server.thaw();
  server.stop();
  CachedEmbedder away(inner, options);
  CHECK(away({"c"}).size() == 1);
  CHECK_THROWS_AS(CachedEmbedder(inner, {.server = "http://host"}), Error);
  CHECK_THROWS_AS(CachedEmbedder(inner, {.server = "redis://host", .server_timeout = std::chrono::milliseconds(0)}),
                  Error);
}
