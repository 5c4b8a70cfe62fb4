#include "dspy/retrieve/search/search.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/run.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/retrieve/memory_store.hpp"
#include "dspy/retrieve/retriever.hpp"
#include "dspy/retrieve/search/citations.hpp"
#include "dspy/retrieve/search/listwise_reranker.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

std::shared_ptr<ScriptedLM> scripted(std::deque<std::string> replies) {
  return std::make_shared<ScriptedLM>(std::move(replies));
}

Retriever animals() {
  auto store = std::make_shared<MemoryStore>();
  wait(store->upsert({{.id = "cat", .text = "Cats purr when they are happy."},
                      {.id = "dog", .text = "Dogs bark at strangers."},
                      {.id = "owl", .text = "Owls hunt mice at night."},
                      {.id = "mouse", .text = "Mice eat grain in barns."}}));
  return Retriever(store, {.k = 2});
}

std::vector<std::string> ids(const std::vector<Hit>& hits) {
  std::vector<std::string> out;
  for (const auto& hit : hits) out.push_back(hit.passage.id);
  return out;
}

Hit hit(std::string text, std::string source, JsonObject metadata = {}) {
  return {
      .passage = {.id = source, .text = std::move(text), .metadata = std::move(metadata), .source = source, .end = 9}};
}

const std::vector<Hit> passages = {
    hit("The device resets after ten seconds of holding the button.", "a.md", {{"line", 3}, {"last_line", 5}}),
    hit("Warranty lasts 24 months from purchase.", "b.md", {{"line", 7}, {"last_line", 7}})};

}  // namespace

TEST_CASE("A question is looked for by the query that a model writes") {
  const auto lm = scripted({"Query: strangers bark"});
  const auto found = call(with_lm(RewrittenSearch{.search = animals()}, lm), "Which animal is loud?");
  CHECK(found.at(0).passage.id == "dog");
}

TEST_CASE("Several wordings are looked for, and what they find is fused") {
  const auto lm = scripted({"Queries: [\"hunt night\", \"grain barns\", \"Which hunts mice?\", \"purr\"]"});
  const auto found = call(with_lm(MultiQuery{.search = animals(), .queries = 2}, lm), "Which hunts mice?");
  auto names = ids(found);
  std::ranges::sort(names);
  CHECK(names == std::vector<std::string>{"mouse", "owl"});
  CHECK(found.at(0).parts.size() >= 2);  // it was found by several
}

TEST_CASE("Hops look for what is still missing, and end when nothing new is asked for") {
  const auto lm = scripted({"Query: grain barns", "Query: grain barns"});
  const auto found = call(with_lm(MultiHop{.search = animals(), .hops = 3}, lm), "owls hunt");
  CHECK(found.queries == std::vector<std::string>{"owls hunt", "grain barns"});
  CHECK(ids(found.hits) == std::vector<std::string>{"owl", "mouse"});
  CHECK(lm->requests().at(0).messages.back().text().contains("[1] Owls hunt"));
  CHECK_THROWS_AS(call(MultiHop{.search = animals(), .hops = 0}, "q"), Error);
}

TEST_CASE("An answer is asked for with numbered passages") {
  const auto lm = scripted({"Answer: Dogs bark at strangers [1]."});
  const auto out = call(with_lm(Rag{.search = animals()}, lm), "What do dogs bark at?");
  CHECK(out.answer == "Dogs bark at strangers [1].");
  CHECK(lm->requests().at(0).messages.back().text().contains("[1] Dogs bark"));
  CHECK(check_citations(out.answer, out.hits).is_supported);
}

TEST_CASE("Passages in the order of their documents begin prompts alike, and marks follow that order") {
  const auto lm = scripted({"Answer: Owls do [1].", "Answer: Mice eat grain [2]."});
  auto search = animals();  // none has a source: by id
  const auto program = with_lm(Rag{.search = search, .keeps_document_order = true}, lm);
  const auto first = call(program, "Which mice do owls hunt?");
  const auto second = call(program, "Mice eat grain in barns, while owls hunt");
  for (const auto& request : lm->requests())
    CHECK(request.messages.back().text().contains("[1] Mice eat grain in barns.\n\n[2] Owls hunt mice"));
  CHECK(first.hits.front().score < first.hits.back().score);  // the owl was found first
  CHECK(second.hits.front().passage.id == "mouse");
}

TEST_CASE("A model orders documents window by window, from the end") {
  const auto lm = scripted({"Order: [2, 1, 2, 9]", "Order: [3]", "Order: [3, 1]"});
  ListwiseReranker rerank(Predict(ListwiseReranker::instructions(), {.lm = lm}), {.window = 3, .step = 2});
  const auto found = rerank("q", {"a", "b", "c", "d", "e"}, 3);
  // c d e -> d c e; then a b d -> d a b
  REQUIRE(found.size() == 3);
  CHECK(found[0].index == 3);
  CHECK(found[1].index == 0);
  CHECK(found[2].index == 1);
  CHECK(found[1].score == 0.5);
  CHECK(lm->requests().size() == 2);
  CHECK_THROWS_AS(ListwiseReranker(Predict(ListwiseReranker::instructions()), {.window = 3, .step = 3}), Error);
}

TEST_CASE("Citations are held against their passages") {
  const auto good = check_citations("Hold the button for ten seconds [1]. The warranty lasts 24 months.[2]", passages);
  CHECK(good.is_supported);
  REQUIRE(good.citations.size() == 2);
  CHECK(good.citations[0].statement == "Hold the button for ten seconds.");
  CHECK(place_of(good.citations[0]) == "a.md:3-5");
  CHECK(place_of(good.citations[1]) == "b.md:7");
  CHECK(to_citations(good, passages).citations[1].document_title == "b.md");

  const auto missing = check_citations("It resets itself [3].", passages);
  CHECK_FALSE(missing.is_supported);
  CHECK_FALSE(missing.citations[0].passage);

  const auto wrong = check_citations("Batteries contain dangerous lithium [1].", passages);
  CHECK_FALSE(wrong.is_supported);
  CHECK(wrong.citations[0].support == 0);
  CHECK(wrong.uncited == std::vector<std::string>{"Batteries contain dangerous lithium."});

  const auto quote = check_citations("It says \"holding the big button\" on the device [1].", passages);
  CHECK(quote.citations[0].misquoted == std::vector<std::string>{"holding the big button"});
  CHECK(check_citations("It says \"holding the button\" on the device [1].", passages).citations[0].misquoted.empty());
}

TEST_CASE("Statements without a mark get the passage that supports them, or none") {
  const auto found = check_citations("Warranty lasts 24 months. Llamas spit.", passages);
  REQUIRE(found.citations.size() == 1);
  CHECK(found.citations[0].mark == 0);
  CHECK(found.citations[0].passage == 1);
  CHECK(found.uncited == std::vector<std::string>{"Llamas spit."});
  CHECK_FALSE(found.is_supported);
  CHECK(check_citations("Warranty lasts 24 months.", passages, {.finds_unmarked = false}).citations.empty());
  CHECK(check_citations("Both [1, 2]. [x] [0] [1", passages).citations.size() == 2);
  CHECK_FALSE(check_citations("", passages).is_supported);
}
