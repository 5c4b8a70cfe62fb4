#include "dspy/modules/knn.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace dspy {

struct Knn::Index {
  std::size_t k;
  std::vector<Example> examples;
  std::shared_ptr<Embedder> embedder;
  std::vector<std::vector<float>> vectors = {};

  std::vector<Example> nearest(const std::vector<float>& query) const {
    std::vector<double> scores(vectors.size());
    for (std::size_t i = 0; i < vectors.size(); ++i) {
      if (vectors[i].size() != query.size()) {
        throw Error(Errc::backend_error, std::format("the embedder gave vectors of {} and of {} numbers; use one model",
                                                     vectors[i].size(), query.size()));
      }
      scores[i] = std::inner_product(query.begin(), query.end(), vectors[i].begin(), 0.0);
    }
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, std::ranges::greater(), [&](std::size_t i) { return scores[i]; });
    std::vector<Example> out;
    for (std::size_t i = 0; i < std::min(k, order.size()); ++i) out.push_back(examples[order[i]]);
    return out;
  }
};

std::string knn_text(const JsonObject& inputs) {
  std::string out;
  for (const auto& input : inputs) {
    if (!out.empty()) out += " | ";
    out.append(input.key()).append(": ");
    const auto& value = input.value();
    out += value.is_string() ? std::string(view(value.get_string())) : to_text(value);
  }
  return out;
}

Knn::Knn(std::size_t k, std::vector<Example> examples, std::shared_ptr<Embedder> embedder)
    : Knn(wait(make(k, std::move(examples), std::move(embedder)))) {}

Async<Knn> Knn::make(std::size_t k, std::vector<Example> examples, std::shared_ptr<Embedder> embedder) {
  if (!embedder) throw Error(Errc::config_error, "finding neighbours needs an embedder; give one");
  if (k == 0 || examples.empty()) {
    throw Error(
        Errc::invalid_parameter,
        std::format("{} neighbours of {} examples cannot be found; both must be 1 or more", k, examples.size()));
  }
  EmbedRequest request;
  for (const auto& example : examples) request.texts.push_back(knn_text(example.inputs()));
  auto index = std::make_shared<Index>(Index{k, std::move(examples), embedder});
  index->vectors = (co_await embedder->embed(std::move(request))).vectors;
  if (index->vectors.size() != index->examples.size()) {
    throw Error(Errc::backend_error, std::format("the embedder gave {} vectors for {} texts", index->vectors.size(),
                                                 index->examples.size()));
  }
  co_return Knn(std::move(index));
}

Async<std::vector<Example>> Knn::nearest(JsonObject inputs) const {
  return [](std::shared_ptr<const Index> index, std::string text) -> Async<std::vector<Example>> {
    EmbedRequest request{.texts = {std::move(text)}};
    const auto found = co_await index->embedder->embed(std::move(request));
    if (found.vectors.size() != 1) throw Error(Errc::backend_error, "the embedder gave no vector for a text");
    co_return index->nearest(found.vectors.front());
  }(index_, knn_text(inputs));
}

std::vector<Example> Knn::operator()(const JsonObject& inputs) const {
  return wait(nearest(inputs));
}

Async<Prediction> KnnPredict::run(JsonObject inputs, Run how) const {
  auto demos = co_await demos_.nearest(inputs);
  std::ranges::reverse(demos);
  auto with_demos = predictor_;
  with_demos.set_demos(std::move(demos));
  co_return co_await with_demos.run(std::move(inputs), std::move(how));
}

}  // namespace dspy
