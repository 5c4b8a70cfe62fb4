#include "dspy/evaluate/ranking/ranking.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <format>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace dspy::ranking {
namespace {

void require_cut(std::size_t k) {
  if (k == 0) throw Error(Errc::invalid_parameter, "a cutoff of 0 documents is not meaningful; use 1 or more");
}

void require_level(int level) {
  if (level < 1)
    throw Error(Errc::invalid_parameter,
                std::format("documents cannot be relevant from level {} on; 1 is the lowest", level));
}

double share(std::size_t part, std::size_t all) {
  return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

std::size_t relevant_in(const Ranked& topic, std::size_t k) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < std::min(k, topic.found.size()); ++i) count += topic.is_relevant(i) ? 1 : 0;
  return count;
}

void judge(Ranked& topic, const Judgements& judgements) {
  for (const auto& [id, relevance] : judgements) {
    if (relevance >= topic.level) ++topic.relevant;
    if (relevance >= 0 && relevance < topic.level) ++topic.irrelevant;
    if (relevance > 0) topic.judged.push_back(relevance);
  }
  std::ranges::sort(topic.judged, std::greater());
}

int judgement(const Judgements& judgements, const std::string& id) {
  const auto found = judgements.find(id);
  return found == judgements.end() ? -1 : std::max(found->second, -1);
}

double gain_of(int judgement, Gain gain) {
  if (judgement <= 0) return 0;
  return gain == Gain::exponential ? std::exp2(judgement) - 1 : judgement;
}

/// Logarithms of what most ranks need.
double log2_of(std::size_t number) {
  static const auto known = [] {
    std::array<double, 2'048> out{};
    for (std::size_t i = 1; i < out.size(); ++i) out[i] = std::log2(static_cast<double>(i));
    return out;
  }();
  return number < known.size() ? known[number] : std::log2(static_cast<double>(number));
}

/// `place` from 0.
double discount(std::size_t place, Gain gain) {
  if (gain == Gain::original) return place == 0 ? 1 : log2_of(place + 1);
  return log2_of(place + 2);
}

double cumulated(std::span<const int> judgements, std::size_t k, Gain gain) {
  double sum = 0;
  for (std::size_t i = 0; i < std::min(k, judgements.size()); ++i)
    if (judgements[i] > 0) sum += gain_of(judgements[i], gain) / discount(i, gain);
  return sum;
}

}  // namespace

Ranked ranked(std::span<const Retrieved> found, const Judgements& judgements, int level) {
  require_level(level);
  std::vector<const Retrieved*> order;
  order.reserve(found.size());
  for (const auto& each : found) {
    if (std::isnan(each.score))
      throw Error(Errc::bad_input, std::format("the score of document `{}` is not a number", each.id));
    order.push_back(&each);
  }
  std::ranges::sort(order, [](const Retrieved* a, const Retrieved* b) {
    return a->score != b->score ? a->score > b->score : a->id > b->id;
  });
  Ranked topic{.level = level};
  topic.found.reserve(order.size());
  std::unordered_set<std::string_view> seen;
  seen.reserve(order.size());
  for (const auto* const each : order) {
    if (!seen.insert(each->id).second)
      throw Error(Errc::bad_input, std::format("document `{}` was found twice", each->id));
    topic.found.push_back(judgement(judgements, each->id));
  }
  judge(topic, judgements);
  return topic;
}

Ranked ranked(std::span<const std::string> found, const Judgements& judgements, int level) {
  require_level(level);
  Ranked topic{.level = level};
  std::unordered_set<std::string_view> seen;
  for (const auto& id : found) {
    if (!seen.insert(id).second) throw Error(Errc::bad_input, std::format("document `{}` was found twice", id));
    topic.found.push_back(judgement(judgements, id));
  }
  judge(topic, judgements);
  return topic;
}

double precision(const Ranked& topic, std::size_t k) {
  require_cut(k);
  return share(relevant_in(topic, k), k);
}

double recall(const Ranked& topic, std::size_t k) {
  require_cut(k);
  return share(relevant_in(topic, k), topic.relevant);
}

double hit(const Ranked& topic, std::size_t k) {
  require_cut(k);
  return relevant_in(topic, k) > 0 ? 1 : 0;
}

double reciprocal_rank(const Ranked& topic) {
  for (std::size_t i = 0; i < topic.found.size(); ++i)
    if (topic.is_relevant(i)) return 1 / static_cast<double>(i + 1);
  return 0;
}

double average_precision(const Ranked& topic, std::size_t k) {
  require_cut(k);
  double sum = 0;
  std::size_t found = 0;
  for (std::size_t i = 0; i < std::min(k, topic.found.size()); ++i)
    if (topic.is_relevant(i)) sum += share(++found, i + 1);
  return topic.relevant == 0 ? 0 : sum / static_cast<double>(topic.relevant);
}

double average_precision(const Ranked& topic) {
  return average_precision(topic, std::max<std::size_t>(topic.found.size(), 1));
}

double r_precision(const Ranked& topic) {
  return share(relevant_in(topic, topic.relevant), topic.relevant);
}

double bpref(const Ranked& topic) {
  const auto bound = std::min(topic.relevant, topic.irrelevant);
  double sum = 0;
  std::size_t above = 0;
  for (std::size_t i = 0; i < topic.found.size(); ++i) {
    if (topic.is_relevant(i)) {
      sum += above == 0 ? 1 : 1 - share(std::min(above, topic.relevant), bound);
    } else if (topic.found[i] >= 0) {
      ++above;
    }
  }
  return topic.relevant == 0 ? 0 : sum / static_cast<double>(topic.relevant);
}

double set_f1(const Ranked& topic) {
  const auto both = relevant_in(topic, topic.found.size());
  return share(2 * both, topic.found.size() + topic.relevant);
}

double ndcg(const Ranked& topic, std::size_t k, Gain gain) {
  require_cut(k);
  const double best = cumulated(topic.judged, k, gain);
  return best > 0 ? cumulated(topic.found, k, gain) / best : 0;
}

double ndcg(const Ranked& topic, Gain gain) {
  return ndcg(topic, std::max<std::size_t>({topic.found.size(), topic.judged.size(), 1}), gain);
}

double tied_ndcg(std::span<const double> gains, std::span<const double> scores, std::size_t k, bool ignore_ties) {
  if (gains.size() != scores.size())
    throw Error(Errc::bad_input,
                std::format("{} gains and {} scores do not belong together", gains.size(), scores.size()));
  for (std::size_t i = 0; i < gains.size(); ++i)
    if (!(gains[i] >= 0) || std::isnan(scores[i]))
      throw Error(Errc::bad_input, std::format("the gain or the score at {} is negative or no number", i));
  if (k == 0 || k > gains.size()) k = gains.size();
  std::vector<std::size_t> order(gains.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(
      order, [&](std::size_t a, std::size_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a > b; });
  std::vector<double> best(gains.begin(), gains.end());
  std::ranges::sort(best, std::greater());
  double made = 0, ideal = 0;
  for (std::size_t begin = 0; begin < order.size();) {
    auto end = begin + 1;
    while (!ignore_ties && end < order.size() && scores[order[end]] == scores[order[begin]]) ++end;
    double sum = 0;
    for (auto i = begin; i < end; ++i) sum += gains[order[i]];
    for (auto i = begin; i < std::min(end, k); ++i)
      made += sum / static_cast<double>(end - begin) / discount(i, Gain::linear);
    begin = end;
  }
  for (std::size_t i = 0; i < k; ++i) ideal += best[i] / discount(i, Gain::linear);
  return ideal > 0 ? made / ideal : 0;
}

}  // namespace dspy::ranking
