#include "dspy/retrieve/search/search.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/modules/run.hpp"
#include "dspy/retrieve/fusion.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/signature/prediction.hpp"
#include "dspy/signature/signature.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

std::string text_of(const Prediction& prediction, std::string_view name) {
  return std::string(text::trim(view(prediction.at(name).as_string())));
}

}  // namespace

std::string numbered(const std::vector<Hit>& hits) {
  std::string out;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    if (i > 0) out += "\n\n";
    out += "[" + std::to_string(i + 1) + "] " + hits[i].passage.text;
  }
  return out;
}

Signature RewrittenSearch::instructions() {
  return Signature::parse("question -> query",
                          "Write a query for a search engine that finds the passages which answer the question: names "
                          "and terms that they are likely to contain, without filler words.");
}

Async<std::vector<Hit>> RewrittenSearch::run(std::string question, Run how) const {
  auto query = text_of(co_await rewrite.run({{"question", question}}, how), "query");
  co_return co_await search.run(query.empty() ? std::move(question) : std::move(query), std::move(how));
}

Signature MultiQuery::instructions() {
  return Signature::parse("question, count: int -> queries: list[string]",
                          "Write as many different queries for a search engine as asked for, which together find the "
                          "passages that answer the question: other words, parts of it, what it presupposes.");
}

Async<std::vector<Hit>> MultiQuery::run(std::string question, Run how) const {
  const auto written = co_await write.run({{"question", question}, {"count", queries}}, how);
  std::vector<std::string> all{question};
  for (const auto& each : written.at("queries").as_array()) {
    auto query = std::string(text::trim(view(each.as_string())));
    if (all.size() <= queries && !query.empty() && !std::ranges::contains(all, query)) all.push_back(std::move(query));
  }
  std::vector<std::vector<Hit>> lists;
  for (auto& query : all) lists.push_back(co_await search.run(std::move(query), how));
  auto hits = fuse(std::move(lists), fusion);
  if (hits.size() > search.options().k) hits.resize(search.options().k);
  co_return hits;
}

Signature MultiHop::instructions() {
  return Signature::parse(
      "question, passages -> query",
      "Say what to look for next, as a query for a search engine, so that the passages found so far "
      "and those to be found answer the question together.");
}

Async<MultiHop::Output> MultiHop::run(std::string question, Run how) const {
  if (hops == 0) throw Error(Errc::invalid_parameter, "a search of 0 hops finds nothing; allow at least 1");
  Output out;
  std::set<std::string> seen;
  for (std::size_t hop = 0; hop < hops; ++hop) {
    auto query = question;
    if (hop > 0)
      query = text_of(co_await next.run({{"question", question}, {"passages", numbered(out.hits)}}, how), "query");
    if (query.empty() || std::ranges::contains(out.queries, query)) break;
    out.queries.push_back(query);
    for (auto& hit : co_await search.run(std::move(query), how))
      if (seen.insert(hit.passage.id).second) out.hits.push_back(std::move(hit));
  }
  co_return out;
}

Signature Rag::instructions() {
  return Signature::parse(
      "context, question -> answer",
      "Answer from the passages in the context only, and put the number of the passage that says so "
      "in brackets after each statement, such as [1].");
}

Async<Rag::Output> Rag::run(std::string question, Run how) const {
  Output out{.hits = co_await search.run(question, how)};
  out.prediction =
      co_await answer.run({{"context", numbered(out.hits)}, {"question", std::move(question)}}, std::move(how));
  out.answer = text_of(out.prediction, "answer");
  co_return out;
}

}  // namespace dspy
