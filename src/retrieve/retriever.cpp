#include "dspy/retrieve/retriever.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Hits = std::vector<Hit>;

std::size_t candidates_of(const RetrieverOptions& options) {
  const bool looks_again = options.hybrid || options.reranker || options.diversity_balance;
  if (!looks_again) return options.k;
  return options.candidates != 0 ? std::max(options.candidates, options.k) : std::max<std::size_t>(4 * options.k, 50);
}

Async<std::vector<float>> embed(std::shared_ptr<Embedder> embedder, std::string text, CallOptions call) {
  EmbedRequest request{
      .texts = {std::move(text)}, .role = EmbedRole::query, .deadline = call.deadline, .stop = std::move(call.stop)};
  auto made = co_await embedder->embed(std::move(request));
  if (made.vectors.size() != 1)
    throw Error(Errc::backend_error,
                std::format("the embedder `{}` gave {} vectors for a text", embedder->model(), made.vectors.size()));
  co_return std::move(made.vectors.front());
}

/// The reranker's order, its score in place of those before.
Async<Hits> reranked(std::shared_ptr<Reranker> reranker, std::string question, Hits hits, std::size_t top,
                     CallOptions call) {
  if (hits.empty()) co_return hits;
  RankRequest request{
      .query = std::move(question), .top = top, .deadline = call.deadline, .stop = std::move(call.stop)};
  for (const auto& hit : hits) request.documents.push_back(hit.passage.text);
  const auto ranking = co_await reranker->rank(std::move(request));
  Hits out;
  std::vector<bool> is_taken(hits.size());
  for (const auto& [index, score] : ranking.documents) {
    if (index >= hits.size() || is_taken[index])
      throw Error(Errc::backend_error, std::format("the reranker `{}` named document {} of {}, or named it twice",
                                                   reranker->model(), index, hits.size()));
    is_taken[index] = true;
    out.push_back(std::move(hits[index]));
    out.back().score = score;
    out.back().parts.push_back({"rerank", score, out.size()});
  }
  co_return out;
}

void thin_out(Hits& hits, const std::vector<float>& query, std::size_t k, double balance) {
  std::vector<std::vector<float>> vectors;
  for (const auto& hit : hits) {
    if (hit.passage.vector.size() != query.size())
      throw Error(Errc::unsupported,
                  std::format("the passage `{}` has no vector, so that its likeness to others cannot "
                              "be told; leave `diversity_balance` out",
                              hit.passage.id));
    vectors.push_back(hit.passage.vector);
  }
  Hits out;
  for (const auto i : marginal_relevance(query, vectors, k, balance)) {
    out.push_back(std::move(hits[i]));
    const double score = out.back().score;
    out.back().parts.push_back({"diversity", score, out.size()});
  }
  hits = std::move(out);
}

Async<Hits> find(std::shared_ptr<Store> store, RetrieverOptions options, std::string question, CallOptions call) {
  if (text::trim(question).empty()) throw Error(Errc::bad_input, "a search for a blank question; ask for something");
  StoreQuery query{.k = candidates_of(options),
                   .filter = options.filter,
                   .with_vectors = options.diversity_balance.has_value(),
                   .exact = options.exact,
                   .stop = call.stop};
  Hits hits;
  std::vector<float> vector;
  if (options.embedder) vector = co_await embed(options.embedder, question, call);
  if (options.hybrid) {
    auto by_words = query;
    by_words.text = question;
    query.vector = vector;
    std::vector<Hits> lists;
    lists.push_back(co_await store->search(std::move(query)));
    lists.push_back(co_await store->search(std::move(by_words)));
    hits = fuse(std::move(lists), options.fusion);
  } else {
    if (vector.empty()) query.text = question;
    query.vector = vector;
    hits = co_await store->search(std::move(query));
  }
  if (options.reranker) {
    const auto top = options.diversity_balance ? 0 : options.k;
    hits = co_await reranked(options.reranker, question, std::move(hits), top, std::move(call));
  }
  if (options.diversity_balance) {
    thin_out(hits, vector, options.k, *options.diversity_balance);
    for (auto& hit : hits) hit.passage.vector.clear();
  }
  if (hits.size() > options.k) hits.resize(options.k);
  co_return hits;
}

}  // namespace

Retriever::Retriever(std::shared_ptr<Store> store, RetrieverOptions options)
    : store_(std::move(store)), options_(std::move(options)) {
  const auto refuse = [](const char* why) { throw Error(Errc::invalid_parameter, why); };
  if (!store_) refuse("a retriever needs a store; open one with `open_store`");
  if (options_.k == 0) refuse("a retriever of 0 passages; `k` must be 1 or more");
  if (options_.hybrid && !options_.embedder) refuse("a hybrid search needs an embedder beside the words");
  if (options_.diversity_balance && !options_.embedder)
    refuse("`diversity_balance` compares vectors; give an embedder");
  if (options_.diversity_balance && !(*options_.diversity_balance >= 0 && *options_.diversity_balance <= 1))
    refuse("`diversity_balance` must be from 0 to 1");
}

Async<std::vector<Hit>> Retriever::run(std::string question, Run how) const {
  return find(store_, options_, std::move(question), std::move(how.options));
}

Prediction to_prediction(const std::vector<Hit>& hits) {
  JsonArray passages, scores, sources;
  for (const auto& hit : hits) {
    passages.emplace_back(hit.passage.text);
    scores.emplace_back(hit.score);
    sources.emplace_back(hit.passage.source);
  }
  Prediction out;
  out.data = {{"passages", std::move(passages)}, {"scores", std::move(scores)}, {"sources", std::move(sources)}};
  return out;
}

Async<Prediction> Retrieve::run(std::string query, Run how) const {
  return [](Retriever retriever, std::string text, Run run) -> Async<Prediction> {
    co_return to_prediction(co_await retriever.run(std::move(text), std::move(run)));
  }(retriever_, std::move(query), std::move(how));
}

}  // namespace dspy
