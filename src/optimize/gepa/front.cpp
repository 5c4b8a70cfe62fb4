#include "optimize/gepa/front.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <format>
#include <iterator>
#include <numeric>

namespace dspy::optimize {

using Frontier = GepaOptions::Frontier;

std::string_view to_string(Frontier frontier) noexcept {
  switch (frontier) {
    case Frontier::instance: return "instance";
    case Frontier::objective: return "objective";
    case Frontier::hybrid: return "hybrid";
    case Frontier::cartesian: return "cartesian";
  }
  return "?";
}

void ParetoFront::offer(std::vector<Best>& all, const std::string& aim, std::size_t row, double score,
                        std::size_t program) {
  auto at = std::ranges::find_if(all, [&](const Best& each) { return each.row == row && each.aim == aim; });
  if (at == all.end()) {
    all.push_back({.aim = aim, .row = row, .score = score});
    at = std::prev(all.end());
  }
  if (score > at->score) {
    at->score = score;
    at->programs.clear();
  }
  if (score >= at->score) at->programs.insert(program);
}

void ParetoFront::add(const std::vector<double>& row_scores, std::span<const std::optional<Aims>> row_aims) {
  const auto number = means_.size();
  means_.push_back(std::accumulate(row_scores.begin(), row_scores.end(), 0.0) / static_cast<double>(row_scores.size()));
  if (by_row_.empty()) {
    for (std::size_t i = 0; i < row_scores.size(); ++i) by_row_.push_back({.row = i, .score = row_scores[i]});
  }
  for (std::size_t i = 0; i < row_scores.size(); ++i) {
    auto& best = by_row_[i];
    if (row_scores[i] > best.score) {
      best.score = row_scores[i];
      best.programs.clear();
    }
    if (row_scores[i] >= best.score) best.programs.insert(number);
  }
  add_aims(number, row_aims);
}

void ParetoFront::add_aims(std::size_t program, std::span<const std::optional<Aims>> row_aims) {
  std::vector<std::string> names;
  for (const auto& best : by_aim_) names.push_back(best.aim);
  for (const auto& row : row_aims) {
    if (!row) continue;
    for (const auto& [name, score] : *row) {
      if (!std::ranges::contains(names, name)) names.push_back(name);
    }
  }
  const bool has_scores = std::ranges::any_of(row_aims, [](const auto& row) { return row.has_value(); });
  if (kind_ != Frontier::instance && names.empty() && has_scores) {
    throw Error(
        Errc::config_error,
        std::format("GEPA's frontier `{}` compares programs by the metric's aims, and the metric gives none; "
                    "return some (`Score::objectives`, in Python `objective_scores`), or use the frontier `instance`",
                    to_string(kind_)));
  }
  auto& means = aims_.emplace_back();
  std::map<std::string, std::size_t> counts;
  for (std::size_t i = 0; i < row_aims.size(); ++i) {
    for (const auto& name : names) {
      auto score = failure_score_;
      if (row_aims[i]) {
        const auto at = row_aims[i]->find(name);
        if (at == row_aims[i]->end()) continue;
        score = at->second;
      }
      means[name] += score;
      ++counts[name];
      if (kind_ == Frontier::cartesian) offer(by_cell_, name, i, score, program);
    }
  }
  for (const auto& name : names) {
    if (!counts.contains(name)) continue;
    means[name] /= static_cast<double>(counts[name]);
    offer(by_aim_, name, 0, means[name], program);
  }
}

std::vector<std::set<std::size_t>> ParetoFront::fronts() const {
  std::vector<std::set<std::size_t>> out;
  const auto add_all = [&](const std::vector<Best>& all) {
    for (const auto& best : all) out.push_back(best.programs);
  };
  if (kind_ == Frontier::instance || kind_ == Frontier::hybrid) add_all(by_row_);
  if (kind_ == Frontier::objective || kind_ == Frontier::hybrid) add_all(by_aim_);
  if (kind_ == Frontier::cartesian) add_all(by_cell_);
  return out;
}

void ParetoFront::tell(JsonObject& details) const {
  const auto list = [](const auto& values) {
    JsonArray out;
    for (const auto& value : values) out.emplace_back(value);
    return out;
  };
  JsonArray rows;
  for (const auto& best : by_row_) rows.emplace_back(list(best.programs));
  details["front_per_example"] = std::move(rows);
  if (by_aim_.empty()) return;
  JsonObject fronts;
  for (const auto& best : by_aim_)
    fronts[best.aim] = JsonObject{{"score", best.score}, {"programs", list(best.programs)}};
  details["front_per_objective"] = std::move(fronts);
  JsonArray programs;
  for (const auto& means : aims_) {
    auto& program = programs.emplace_back(JsonObject()).as_object();
    for (const auto& [name, mean] : means) program[name] = mean;
  }
  details["objective_scores"] = std::move(programs);
}

std::vector<std::set<std::size_t>> ParetoFront::without_dominated() const {
  auto fronts = this->fronts();
  std::vector<std::size_t> programs;
  for (const auto& front : fronts) {
    for (const auto program : front) {
      if (!std::ranges::contains(programs, program)) programs.push_back(program);
    }
  }
  std::ranges::stable_sort(programs, {}, [&](std::size_t program) { return means_[program]; });
  std::set<std::size_t> left(programs.begin(), programs.end());
  const auto is_superfluous = [&](std::size_t program) {
    return std::ranges::all_of(fronts, [&](const std::set<std::size_t>& front) {
      return !front.contains(program) ||
             std::ranges::any_of(front, [&](std::size_t other) { return other != program && left.contains(other); });
    });
  };
  for (bool is_changed = true; is_changed;) {
    is_changed = false;
    for (const auto program : programs) {
      if (!left.contains(program) || !is_superfluous(program)) continue;
      left.erase(program);
      is_changed = true;
      break;
    }
  }
  for (auto& front : fronts) std::erase_if(front, [&](std::size_t program) { return !left.contains(program); });
  return fronts;
}

std::vector<std::size_t> ParetoFront::dominators() const {
  std::set<std::size_t> all;
  for (const auto& front : without_dominated()) all.insert(front.begin(), front.end());
  return {all.begin(), all.end()};
}

std::size_t ParetoFront::draw(PythonRandom& random) const {
  std::vector<std::pair<std::size_t, std::size_t>> counts;
  for (const auto& front : without_dominated()) {
    for (const auto program : front) {
      const auto at = std::ranges::find(counts, program, &std::pair<std::size_t, std::size_t>::first);
      if (at == counts.end())
        counts.emplace_back(program, 1);
      else
        ++at->second;
    }
  }
  std::vector<std::size_t> lots;
  for (const auto& [program, count] : counts) lots.insert(lots.end(), count, program);
  if (lots.empty()) return best();  // no aim is known yet: every example failed
  return lots[static_cast<std::size_t>(random.below(lots.size()))];
}

std::size_t ParetoFront::best() const {
  return static_cast<std::size_t>(std::ranges::max_element(means_) - means_.begin());
}

void EpochSampler::begin_epoch() {
  order_.resize(examples_);
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  random_.shuffle(order_);
  // Filled up from its end, backwards.
  for (std::size_t i = 0; order_.size() % size_ != 0; ++i) order_.push_back(order_[examples_ - 1 - i % examples_]);
}

std::vector<std::size_t> EpochSampler::minibatch(std::size_t iteration) {
  const auto first = iteration * size_;
  if (order_.empty() || first / order_.size() > epoch_) {
    if (!order_.empty()) epoch_ = first / order_.size();
    begin_epoch();
  }
  const auto at = order_.begin() + static_cast<std::ptrdiff_t>(first % order_.size());
  return {at, at + static_cast<std::ptrdiff_t>(size_)};
}

}  // namespace dspy::optimize
