#include "dspy/evaluate/comparison.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <format>
#include <span>
#include <string>
#include <vector>

namespace dspy {
namespace {

void sort(std::vector<Flip>& flips) {
  std::ranges::stable_sort(flips, {}, [](const Flip& flip) { return -std::abs(flip.b - flip.a); });
}

JsonArray to_array(const std::vector<Flip>& flips) {
  JsonArray out;
  for (const auto& flip : flips) out.push_back(JsonObject{{"index", flip.index}, {"a", flip.a}, {"b", flip.b}});
  return out;
}

std::string listed(std::string_view heading, const std::vector<Flip>& flips, std::size_t most) {
  auto out = std::format("{}: {}\n", heading, flips.size());
  for (std::size_t i = 0; i < std::min(most, flips.size()); ++i)
    out += std::format("  example {}: {:.4g} -> {:.4g}\n", flips[i].index, flips[i].a, flips[i].b);
  if (flips.size() > most) out += std::format("  ... and {} more\n", flips.size() - most);
  return out;
}

}  // namespace

Comparison compare(std::span<const double> a, std::span<const double> b, double confidence) {
  if (a.size() != b.size() || a.size() < 2) {
    throw Error(Errc::invalid_parameter,
                std::format("{} scores cannot be compared with {}; both runs need the same examples, two or more",
                            a.size(), b.size()));
  }
  Comparison out{
      .n = a.size(), .a = 100 * statistics::mean(a), .b = 100 * statistics::mean(b), .confidence = confidence};
  out.difference = out.b - out.a;
  std::vector<double> differences(a.size());
  bool is_binary = true;
  for (std::size_t i = 0; i < a.size(); ++i) {
    differences[i] = b[i] - a[i];
    is_binary = is_binary && (a[i] == 0 || a[i] == 1) && (b[i] == 0 || b[i] == 1);
    if (differences[i] > 0) out.better.push_back({i, a[i], b[i]});
    if (differences[i] < 0) out.worse.push_back({i, a[i], b[i]});
  }
  sort(out.better);
  sort(out.worse);
  const auto interval = statistics::bootstrap_mean(differences, confidence);
  out.interval = {.low = 100 * interval.low, .high = 100 * interval.high};
  out.test = is_binary ? "mcnemar" : "sign_flip";
  out.p_value = is_binary ? statistics::mcnemar(out.worse.size(), out.better.size()).p_value
                          : statistics::sign_flip(differences).p_value;
  return out;
}

Comparison compare(const EvaluationResult& a, const EvaluationResult& b, double confidence) {
  if (a.metric != b.metric)
    throw Error(Errc::bad_input, std::format("the runs were measured by `{}` and by `{}`; compare runs of one metric",
                                             a.metric, b.metric));
  if (a.rows.size() != b.rows.size())
    throw Error(Errc::bad_input, std::format("the runs have {} and {} examples; compare runs on the same data",
                                             a.rows.size(), b.rows.size()));
  std::vector<double> scores_a, scores_b;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < a.rows.size(); ++i) {
    if (a.rows[i].example.data != b.rows[i].example.data)
      throw Error(Errc::bad_input,
                  std::format("example {} is not the same in both runs; compare runs on the same data", i));
    if (!a.rows[i].is_done || !b.rows[i].is_done) continue;
    scores_a.push_back(a.rows[i].score.value);
    scores_b.push_back(b.rows[i].score.value);
    places.push_back(i);
  }
  auto out = compare(scores_a, scores_b, confidence);
  for (auto* const flips : {&out.better, &out.worse}) {
    for (auto& flip : *flips) flip.index = places[flip.index];
  }
  return out;
}

JsonObject to_json(const Comparison& comparison) {
  return {{"n", comparison.n},
          {"a", comparison.a},
          {"b", comparison.b},
          {"difference", comparison.difference},
          {"interval", JsonObject{{"low", comparison.interval.low},
                                  {"high", comparison.interval.high},
                                  {"confidence", comparison.confidence}}},
          {"test", comparison.test},
          {"p_value", comparison.p_value},
          {"better", to_array(comparison.better)},
          {"worse", to_array(comparison.worse)}};
}

std::string to_table(const Comparison& comparison, std::size_t flips) {
  auto out = std::format("A {:.2f} %, B {:.2f} % over {} examples\n", comparison.a, comparison.b, comparison.n);
  out += std::format(
      "B - A: {:+.2f} points ({:.0f} % interval {:+.1f} to {:+.1f}), {} ({})\n", comparison.difference,
      100 * comparison.confidence, comparison.interval.low, comparison.interval.high,
      comparison.p_value < 0.0001 ? std::string("p < 0.0001") : std::format("p = {:.4f}", comparison.p_value),
      comparison.test == "mcnemar" ? "McNemar's exact test" : "sign-flip test");
  out += listed("better in B", comparison.better, flips);
  return out + listed("worse in B", comparison.worse, flips);
}

}  // namespace dspy
