#include "dspy/retrieve/search/search.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/retrieve/fusion.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/signature/prediction.hpp"
#include "dspy/signature/signature.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace dspy {
namespace {

std::string text_of(const Prediction& prediction, std::string_view name) {
  return std::string(text::trim(view(prediction.at(name).as_string())));
}

Async<std::vector<Hit>> rewritten(RewrittenSearch program, std::string question, Run how) {
  JsonObject inputs{{"question", question}};
  auto query = text_of(co_await program.rewrite.run(std::move(inputs), how), "query");
  if (query.empty()) query = std::move(question);
  co_return co_await program.search.run(std::move(query), std::move(how));
}

/// The question and what the model writes beside it, each once.
std::vector<std::string> wordings(const std::string& question, const Prediction& written, std::size_t most) {
  std::vector<std::string> out{question};
  for (const auto& each : written.at("queries").as_array()) {
    auto query = std::string(text::trim(view(each.as_string())));
    if (out.size() <= most && !query.empty() && !std::ranges::contains(out, query)) out.push_back(std::move(query));
  }
  return out;
}

Async<std::vector<Hit>> fused(MultiQuery program, std::string question, Run how) {
  JsonObject inputs{{"question", question}, {"count", program.queries}};
  const auto written = co_await program.write.run(std::move(inputs), how);
  std::vector<std::vector<Hit>> lists;
  for (auto& query : wordings(question, written, program.queries))
    lists.push_back(co_await program.search.run(std::move(query), how));
  auto hits = fuse(std::move(lists), program.fusion);
  if (hits.size() > program.search.options().k) hits.resize(program.search.options().k);
  co_return hits;
}

Async<MultiHop::Output> hopped(MultiHop program, std::string question, Run how) {
  if (program.hops == 0) throw Error(Errc::invalid_parameter, "a search of 0 hops finds nothing; allow at least 1");
  MultiHop::Output out;
  std::set<std::string> seen;
  for (std::size_t hop = 0; hop < program.hops; ++hop) {
    auto query = question;
    if (hop > 0) {
      JsonObject inputs{{"question", question}, {"passages", numbered(out.hits)}};
      query = text_of(co_await program.next.run(std::move(inputs), how), "query");
    }
    if (query.empty() || std::ranges::contains(out.queries, query)) break;
    out.queries.push_back(query);
    for (auto& hit : co_await program.search.run(std::move(query), how))
      if (seen.insert(hit.passage.id).second) out.hits.push_back(std::move(hit));
  }
  co_return out;
}

Async<Rag::Output> answered(Rag program, std::string question, Run how) {
  Rag::Output out;
  out.hits = co_await program.search.run(question, how);
  if (program.keeps_document_order)
    std::ranges::sort(out.hits, {},
                      [](const Hit& hit) { return std::tie(hit.passage.source, hit.passage.begin, hit.passage.id); });
  JsonObject inputs{{"context", numbered(out.hits)}, {"question", std::move(question)}};
  out.prediction = co_await program.answer.run(std::move(inputs), std::move(how));
  out.answer = text_of(out.prediction, "answer");
  co_return out;
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
  return rewritten(*this, std::move(question), std::move(how));
}

Signature MultiQuery::instructions() {
  return Signature::parse("question, count: int -> queries: list[str]",
                          "Write as many different queries for a search engine as asked for, which together find the "
                          "passages that answer the question: other words, parts of it, what it presupposes.");
}

Async<std::vector<Hit>> MultiQuery::run(std::string question, Run how) const {
  return fused(*this, std::move(question), std::move(how));
}

Signature MultiHop::instructions() {
  return Signature::parse(
      "question, passages -> query",
      "Say what to look for next, as a query for a search engine, so that the passages found so far "
      "and those to be found answer the question together.");
}

Async<MultiHop::Output> MultiHop::run(std::string question, Run how) const {
  return hopped(*this, std::move(question), std::move(how));
}

Signature Rag::instructions() {
  return Signature::parse(
      "context, question -> answer",
      "Answer from the passages in the context only, and put the number of the passage that says so "
      "in brackets after each statement, such as [1].");
}

Async<Rag::Output> Rag::run(std::string question, Run how) const {
  return answered(*this, std::move(question), std::move(how));
}

}  // namespace dspy
