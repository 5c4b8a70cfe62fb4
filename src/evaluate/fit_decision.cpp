#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/evaluate/calibration.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <format>
#include <functional>
#include <iterator>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Kind = DecisionSpace::Kind;
using Examples = std::vector<const Evidence*>;

/// The number with the fewest decimals between two others, near their middle.  On a scale of ratios (`by_ratio`, where
/// both are above 0) it lies in the middle fifth, as a round number there can be much nearer to one of them.
double simple_between(double low, double high, bool by_ratio = false) {
  const bool is_ratio = by_ratio && low > 0;
  const double middle = is_ratio ? std::sqrt(low * high) : (low + high) / 2;
  const double margin = is_ratio ? std::pow(high / low, 0.4) : 1;
  for (int digits = 0; digits < 17; ++digits) {
    const auto text = std::format("{:.{}f}", middle, digits);
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_within = is_ratio ? value >= low * margin && value <= high / margin : value > low && value < high;
    if (is_within) return value;
  }
  return middle;
}

/// A value to try, and how far it is from those at which a decision changes.
struct Candidate {
  double value = 0;
  double room = 0;
};

/// Values between those of `at`, which are sorted and different, and beyond them within the limits.
std::vector<Candidate> between(const std::vector<double>& at, double low, double high, bool by_ratio) {
  std::vector<Candidate> out;
  const auto add = [&](double from, double to) {
    if (!(from < to)) return;
    out.push_back({simple_between(from, to, by_ratio), by_ratio && from > 0 ? std::log(to / from) : to - from});
  };
  if (at.empty()) return out;
  add(low, at.front());
  for (std::size_t i = 1; i < at.size(); ++i) add(at[i - 1], at[i]);
  add(at.back(), high);
  return out;
}

/// At most forty, evenly spread over the candidates.
std::vector<Candidate> thinned(std::vector<Candidate> all) {
  constexpr std::size_t most = 40;
  if (all.size() <= most) return all;
  std::vector<Candidate> out;
  for (std::size_t i = 0; i < most; ++i) out.push_back(all[i * (all.size() - 1) / (most - 1)]);
  return out;
}

std::vector<double> distinct(std::vector<double> values) {
  std::ranges::sort(values);
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

class Fit {
 public:
  explicit Fit(const DecisionSpace& space) : space_(space) {}

  std::size_t tried() const noexcept { return tried_; }

  std::size_t right(const DecisionSettings& settings, const Examples& examples) const {
    std::size_t out = 0;
    for (const auto* const each : examples) {
      const auto decision = decide(space_, settings, each->probabilities);
      out += (decision.level ? space_.values[*decision.level] : decision.value) == each->label ? 1U : 0U;
    }
    return out;
  }

  DecisionSettings best(DecisionSettings start, const Examples& examples) {
    switch (space_.kind) {
      case Kind::yes_no: return threshold(std::move(start), examples);
      case Kind::choice: return weights(std::move(start), examples);
      case Kind::score: return cuts(std::move(start), examples);
    }
    return start;
  }

 private:
  /// Sets what `set` sets to the best of the candidates, of equal ones to that with most room; leaves it where none is
  /// better than it was.
  void choose(DecisionSettings& settings, const std::vector<Candidate>& candidates, const Examples& examples,
              const std::function<void(DecisionSettings&, double)>& set) {
    auto most = right(settings, examples);
    const auto before = settings;
    double room = -1;
    for (const auto& candidate : candidates) {
      auto changed = before;
      set(changed, candidate.value);
      ++tried_;
      const auto count = right(changed, examples);
      if (count > most || (count == most && room >= 0 && candidate.room > room)) {
        most = count;
        room = candidate.room;
        settings = std::move(changed);
      }
    }
  }

  /// The probabilities as decisions see them.
  std::vector<double> judged(const DecisionSettings& settings, const Evidence& evidence) const {
    auto out = evidence.probabilities;
    double sum = 0;
    for (std::size_t i = 0; i < out.size(); ++i)
      sum += out[i] /= settings.prior.empty() ? 1 : settings.prior.at(space_.labels[i]);
    if (!settings.prior.empty()) {
      for (auto& each : out) each /= sum;
    }
    return out;
  }

  DecisionSettings threshold(DecisionSettings settings, const Examples& examples) {
    std::vector<double> seen;
    for (const auto* const each : examples) seen.push_back(judged(settings, *each)[0]);
    choose(settings, thinned(between(distinct(std::move(seen)), 0, 1, false)), examples,
           [](DecisionSettings& changed, double value) { changed.threshold = value; });
    return settings;
  }

  DecisionSettings weights(DecisionSettings settings, const Examples& examples) {
    constexpr double least = 0.001, most = 1000;
    for (const auto& label : space_.labels) settings.weights.try_emplace(label, 1);
    for (std::size_t i = 0; i < space_.labels.size(); ++i) {
      std::vector<double> flips;
      for (const auto* const each : examples) {
        const auto p = judged(settings, *each);
        double other = 0;
        for (std::size_t k = 0; k < p.size(); ++k)
          if (k != i) other = std::max(other, p[k] * settings.weights[space_.labels[k]]);
        if (p[i] > 0 && other > 0) flips.push_back(std::clamp(other / p[i], least, most));
      }
      choose(settings, thinned(between(distinct(std::move(flips)), least, most, true)), examples,
             [&](DecisionSettings& changed, double value) { changed.weights[space_.labels[i]] = value; });
    }
    return settings;
  }

  DecisionSettings cuts(DecisionSettings settings, const Examples& examples) {
    const auto count = space_.labels.size() - 1;
    for (auto i = settings.cuts.size(); i < count; ++i) settings.cuts.push_back(static_cast<double>(i) + 0.5);
    std::vector<double> means;
    for (const auto* const each : examples)
      means.push_back(decide(space_, settings, each->probabilities).value.to_number<double>());
    means = distinct(std::move(means));
    for (std::size_t i = 0; i < count; ++i) {
      const double low = i == 0 ? 0 : settings.cuts[i - 1];
      const double high = i + 1 == count ? static_cast<double>(count) : settings.cuts[i + 1];
      std::vector<double> within;
      std::ranges::copy_if(means, std::back_inserter(within), [&](double mean) { return mean > low && mean < high; });
      choose(settings, thinned(between(within, low, high, false)), examples,
             [&](DecisionSettings& changed, double value) { changed.cuts[i] = value; });
    }
    return settings;
  }

  const DecisionSpace& space_;
  std::size_t tried_ = 0;
};

/// The examples that settings, found on the others, decide right: over five folds.
std::size_t held_out(const DecisionSpace& space, const DecisionSettings& start, const Examples& examples) {
  constexpr std::size_t folds = 5;
  auto order = examples;
  Random(0).shuffle(std::span(order));
  std::size_t out = 0;
  for (std::size_t fold = 0; fold < folds; ++fold) {
    Examples rest, tried;
    for (std::size_t i = 0; i < order.size(); ++i) (i % folds == fold ? tried : rest).push_back(order[i]);
    if (rest.empty() || tried.empty()) continue;
    Fit fit(space);
    out += fit.right(fit.best(start, rest), tried);
  }
  return out;
}

std::string parameter_of(Kind kind) {
  return kind == Kind::yes_no ? "threshold" : kind == Kind::choice ? "weights" : "cuts";
}

}  // namespace

FittedDecision fit_decision(const DecisionSpace& space, const DecisionSettings& start,
                            std::span<const Evidence> evidence) {
  validate(start, space);
  Examples examples;
  for (std::size_t i = 0; i < evidence.size(); ++i) {
    if (!std::ranges::contains(space.values, evidence[i].label)) {
      throw Error(Errc::bad_input, std::format("example {} is labelled {}, which is not an answer that is declared", i,
                                               to_text(evidence[i].label)));
    }
    examples.push_back(&evidence[i]);
  }
  FittedDecision out{.settings = start, .parameter = parameter_of(space.kind)};
  constexpr std::size_t least = 4;
  if (examples.size() < least) {
    out.skipped = std::format("{} examples are too few to fit by; label {} or more", examples.size(), least);
    return out;
  }
  const auto share = [&](std::size_t count) {
    return static_cast<double>(count) / static_cast<double>(examples.size());
  };
  Fit fit(space);
  const auto before = fit.right(start, examples);
  auto best = fit.best(start, examples);
  const auto after = fit.right(best, examples), outside = held_out(space, start, examples);
  out.start = share(before);
  out.fitted = share(after);
  out.held_out = share(outside);
  out.candidates = fit.tried();
  if (after <= before) {
    out.skipped = "no setting gets more examples right than the initial one";
  } else if (outside <= before) {
    out.skipped = "the setting fitted on four fifths of the examples does not help on the rest";
  } else {
    out.settings = std::move(best);
    out.is_kept = true;
  }
  return out;
}

}  // namespace dspy
