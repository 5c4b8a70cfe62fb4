#include "dspy/retrieve/search/listwise_reranker.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/signature/signature.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <format>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

std::string shown(const std::vector<std::string>& documents, const std::vector<std::size_t>& order, std::size_t begin,
                  std::size_t end) {
  std::string out;
  for (auto i = begin; i < end; ++i)
    out += std::format("{}[{}] {}", i > begin ? "\n\n" : "", i - begin + 1, documents[order[i]]);
  return out;
}

/// Moves up what the reply names, in its order.
void reorder(std::vector<std::size_t>& order, std::size_t begin, std::size_t end, const JsonArray& named) {
  std::vector<std::size_t> sorted;
  std::vector<bool> is_named(end - begin);
  for (const auto& each : named) {
    if (!each.is_number()) continue;
    const auto place = each.to_number<std::int64_t>();
    if (place < 1 || place > static_cast<std::int64_t>(end - begin)) continue;
    const auto at = static_cast<std::size_t>(place - 1);
    if (is_named[at]) continue;
    is_named[at] = true;
    sorted.push_back(order[begin + at]);
  }
  for (std::size_t i = 0; i < is_named.size(); ++i)
    if (!is_named[i]) sorted.push_back(order[begin + i]);
  std::ranges::copy(sorted, order.begin() + static_cast<std::ptrdiff_t>(begin));
}

Async<Ranking> rank_all(Predict<> rank, ListwiseOptions options, RankRequest request) {
  std::vector<std::size_t> order(request.documents.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Ranking out;
  for (auto end = order.size(); end > 1;) {
    const auto begin = end - std::min(end, options.window);
    const auto reply =
        co_await rank.acall({{"query", request.query}, {"passages", shown(request.documents, order, begin, end)}},
                            {.deadline = request.deadline, .stop = request.stop});
    reorder(order, begin, end, reply.at("order").as_array());
    out.usage += reply.lm_usage;
    if (begin == 0) break;
    end -= options.step;
  }
  const auto wanted = request.top == 0 ? order.size() : std::min(request.top, order.size());
  for (std::size_t i = 0; i < wanted; ++i)
    out.documents.push_back({.index = order[i], .score = 1 / static_cast<double>(i + 1)});
  co_return out;
}

}  // namespace

ListwiseReranker::ListwiseReranker(Predict<> rank, ListwiseOptions options)
    : rank_(std::move(rank)), options_(options) {
  if (options.window < 2 || options.step == 0 || options.step >= options.window)
    throw Error(Errc::invalid_parameter, std::format("windows of {} documents that move by {} do not overlap; let them",
                                                     options.window, options.step));
}

Signature ListwiseReranker::instructions() {
  return Signature::parse(
      "query, passages -> order: list[int]",
      "Order the numbered passages by how well they answer the query, the best first: their numbers, "
      "each once.");
}

Async<Ranking> ListwiseReranker::rank(RankRequest request) {
  return rank_all(rank_, options_, std::move(request));
}

}  // namespace dspy
