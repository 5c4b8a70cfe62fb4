#include "optimize/simba_steps.hpp"

#include "dspy/evaluate/statistics.hpp"
#include "dspy/optimize/kernel/numpy_random.hpp"
#include "dspy/optimize/kernel/python_random.hpp"
#include "optimize/proposing/proposing.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <format>
#include <memory>
#include <numeric>
#include <set>
#include <utility>

namespace dspy::optimize {
namespace {

constexpr std::string_view compare_task =
    "You advise the steps of a program that works by language models. The program ran twice on the same input; one run "
    "was judged better than the other. Find out what made the difference, and give each step that could have done "
    "better a short piece of advice: when it meets an input like this, what it should do, and what to avoid. The "
    "advice must help with inputs that are like this one, not only with this one. Leave out steps that did well.";
constexpr std::string_view compare_notation =
    "program_steps, inputs, expected, worse_run, worse_score: float, better_run, better_score: float -> discussion, "
    "advice: dict[str, str]";

/// A run of one of the programs on one of the step's examples.
struct Attempt {
  std::size_t program = 0;
  double score = 0;
  std::shared_ptr<const Rollout> rollout = {};
};

/// The runs of one example, best first.
struct Bucket {
  std::size_t example = 0;
  std::vector<Attempt> runs = {};
  std::array<double, 3> promise = {};  ///< Best less worst, best, best less mean.
};

std::string shown(const std::vector<TraceStep>& steps) {
  std::string out;
  for (const auto& step : steps)
    out += std::format("## {}\n{}-> {}\n", step.path, listed(step.inputs), listed(step.prediction.data));
  return out;
}

class Steps {
 public:
  Steps(Search& search, const SimbaOptions& options, const Program& student, const Training& training)
      : search_(search),
        options_(options),
        student_(student),
        train_(training.trainset),
        random_(options.seed),
        drops_(options.seed) {
    numbers_.push_back(0);
    scores_.emplace_back();
    winners_.push_back(0);
    order_.resize(train_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    random_.shuffle(order_);
  }

  void run() {
    for (std::size_t step = 0; step < options_.max_steps; ++step) make_step(step);
  }

  /// Programs to be compared in the end: of all winners, as many as there are candidates, the first one included.
  std::vector<std::size_t> finalists() const {
    std::vector<std::size_t> out;
    const auto last = static_cast<double>(winners_.size() - 1);
    const auto count = options_.num_candidates + 1;
    for (std::size_t i = 0; i < count; ++i) {
      const auto at = std::nearbyint(static_cast<double>(i) * last / static_cast<double>(count - 1));
      const auto number = numbers_[winners_[static_cast<std::size_t>(at)]];
      if (!std::ranges::contains(out, number)) out.push_back(number);
    }
    return out;
  }

 private:
  const Program& program(std::size_t index) const { return search_.candidates()[numbers_[index]].program; }

  double mean_of(std::size_t index) const { return scores_[index].empty() ? 0 : statistics::mean(scores_[index]); }

  std::vector<std::size_t> batch() {
    if (next_ + options_.bsize > train_.size()) {
      random_.shuffle(order_);
      next_ = 0;
    }
    const auto at = order_.begin() + static_cast<std::ptrdiff_t>(next_);
    next_ += options_.bsize;
    return {at, at + static_cast<std::ptrdiff_t>(options_.bsize)};
  }

  /// The best programs so far; the one that all began with is always among them.
  std::vector<std::size_t> pool() const {
    std::vector<std::size_t> ranked(numbers_.size());
    std::iota(ranked.begin(), ranked.end(), std::size_t{0});
    std::ranges::stable_sort(ranked, std::ranges::greater(), [&](std::size_t i) { return mean_of(i); });
    ranked.resize(std::min(ranked.size(), options_.num_candidates));
    if (!std::ranges::contains(ranked, std::size_t{0})) ranked.back() = 0;
    return ranked;
  }

  std::size_t draw(const std::vector<std::size_t>& from, double temperature) {
    std::vector<double> weights(from.size());
    std::ranges::transform(from, weights.begin(), [&](std::size_t i) { return std::exp(mean_of(i) / temperature); });
    return from[random_.weighted(weights)];
  }

  std::vector<Bucket> buckets_of(const std::vector<std::size_t>& batch) {
    const auto from = pool();
    std::vector<Job> jobs;
    std::vector<std::size_t> drawn;
    for (std::size_t sample = 0; sample < options_.num_candidates; ++sample) {
      for (const auto row : batch) {
        drawn.push_back(draw(from, options_.temperature_for_sampling));
        jobs.push_back({.program = &program(drawn.back()), .example = &train_[row], .draw = {.number = sample}});
      }
    }
    const auto outcomes = search_.run(jobs);
    std::vector<double> all;
    for (const auto& outcome : outcomes) all.push_back(outcome.score.value);
    low_ = statistics::percentile(all, 0.10);
    high_ = statistics::percentile(all, 0.90);
    std::vector<Bucket> buckets;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      Bucket bucket{.example = batch[i]};
      double sum = 0;
      for (auto at = i; at < outcomes.size(); at += batch.size()) {
        bucket.runs.push_back({.program = drawn[at], .score = all[at], .rollout = outcomes[at].rollout});
        sum += all[at];
      }
      std::ranges::stable_sort(bucket.runs, std::ranges::greater(), &Attempt::score);
      const double best = bucket.runs.front().score;
      bucket.promise = {best - bucket.runs.back().score, best, best - sum / static_cast<double>(bucket.runs.size())};
      buckets.push_back(std::move(bucket));
    }
    std::ranges::stable_sort(buckets, std::ranges::greater(), &Bucket::promise);
    return buckets;
  }

  Program with_fewer_demos(Program program) {
    std::size_t most = 0;
    program.for_each_predictor(
        [&](const std::string&, const Predictor& predictor) { most = std::max(most, predictor.demos().size()); });
    const auto wanted = options_.max_demos > 0 ? options_.max_demos : 3;
    auto count = std::max(drops_.poisson(static_cast<double>(most) / static_cast<double>(wanted)),
                          static_cast<std::size_t>(most >= wanted ? 1 : 0));
    count = std::min(count, most);
    std::set<std::size_t> dropped;
    for (std::size_t i = 0; i < count; ++i) dropped.insert(static_cast<std::size_t>(random_.below(most)));
    program.for_each_predictor([&](const std::string&, Predictor& predictor) {
      std::vector<Example> kept;
      for (std::size_t i = 0; i < predictor.demos().size(); ++i) {
        if (!dropped.contains(i)) kept.push_back(predictor.demos()[i]);
      }
      predictor.set_demos(std::move(kept));
    });
    return program;
  }

  /// False where the best run is no better than most.
  bool append_demo(const Bucket& bucket, Program& program) const {
    const auto& good = bucket.runs.front();
    if (good.score <= low_ || good.rollout->failure) return false;
    program.for_each_predictor([&](const std::string& path, Predictor& predictor) {
      const TraceStep* last = nullptr;
      for (const auto& step : good.rollout->steps) last = step.path == path ? &step : last;
      if (last == nullptr) return;
      JsonObject values = {{"augmented", true}};
      for (const auto& each : last->inputs) values[each.key()] = shortened(each.value());
      for (const auto& each : last->prediction.data) values[each.key()] = each.value();
      auto demos = predictor.demos();
      demos.emplace_back(std::move(values), predictor.signature());
      predictor.set_demos(std::move(demos));
    });
    return true;
  }

  Json shortened(const Json& value) const {
    if (!value.is_string() || value.get_string().size() <= options_.demo_input_field_maxlen) return value;
    auto end = options_.demo_input_field_maxlen;
    const auto whole = view(value.get_string());
    while (end > 0 && (static_cast<unsigned char>(whole[end]) & 0xC0U) == 0x80U) --end;
    return Json(std::string(whole.substr(0, end)) + "…");
  }

  bool append_rule(const Bucket& bucket, Program& program) {
    const auto& good = bucket.runs.front();
    const auto& bad = bucket.runs.back();
    if (good.score <= low_ || bad.score >= high_ || good.rollout->failure) return false;
    std::string steps;
    program.for_each_predictor([&](const std::string& path, const Predictor& predictor) {
      steps += std::format("{}: {}\n", path, predictor.signature().instructions);
    });
    const auto& example = train_[bucket.example];
    const auto answer =
        search_.ask({.predictor = writer(compare_notation, compare_task, options_.prompt_model, student_),
                     .inputs = {{"program_steps", steps},
                                {"inputs", listed(example.inputs())},
                                {"expected", listed(example.outputs())},
                                {"worse_run", bad.rollout->failure ? "It failed: " + *bad.rollout->failure
                                                                   : shown(bad.rollout->steps)},
                                {"worse_score", bad.score},
                                {"better_run", shown(good.rollout->steps)},
                                {"better_score", good.score}},
                     .draw = {.number = ++rules_, .temperature = 1}});
    const auto* const advice = answer ? answer->get("advice") : nullptr;
    if (advice == nullptr || !advice->is_object()) return false;
    bool is_changed = false;
    program.for_each_predictor([&](const std::string& path, Predictor& predictor) {
      const auto* const rule = advice->get_object().if_contains(path);
      if (rule == nullptr || !rule->is_string() || rule->get_string().empty()) return;
      const std::string text(view(rule->get_string()));
      search_.tell({.kind = Event::Kind::proposed, .text = text});
      predictor.set_signature(
          predictor.signature().with_instructions(predictor.signature().instructions + "\n\n" + text));
      is_changed = true;
    });
    return is_changed;
  }

  void make_step(std::size_t step) {
    const auto rows = batch();
    std::vector<std::size_t> made;  // as candidates of the search: the pool has them once all are measured
    for (const auto& bucket : buckets_of(rows)) {
      const auto source = draw(pool(), options_.temperature_for_candidates);
      auto candidate = with_fewer_demos(program(source));
      const bool is_demo = random_.below(options_.max_demos > 0 ? 2 : 1) == 0 && options_.max_demos > 0;
      if (!(is_demo ? append_demo(bucket, candidate) : append_rule(bucket, candidate))) continue;
      made.push_back(search_.add(
          std::move(candidate),
          std::format("step {}: {} from example {}", step + 1, is_demo ? "a demonstration" : "rules", bucket.example),
          {numbers_[source]}));
      if (made.size() > options_.num_candidates) break;
    }
    if (made.empty()) return search_.note("a step found no two runs to learn from");
    const auto first = numbers_.size();
    auto best = first;
    for (const auto number : made) {
      search_.evaluate_some(number, train_, rows);
      numbers_.push_back(number);
      scores_.push_back({search_.candidates()[number].minibatch_scores.back()});
      if (mean_of(numbers_.size() - 1) > mean_of(best)) best = numbers_.size() - 1;
    }
    winners_.push_back(best);
  }

  Search& search_;
  const SimbaOptions& options_;
  const Program& student_;
  const std::vector<Example>& train_;
  PythonRandom random_;
  NumpyRandom drops_;                 ///< How many demonstrations are dropped.
  std::vector<std::size_t> numbers_;  ///< Of the programs, as candidates of the search.
  std::vector<std::vector<double>> scores_;
  std::vector<std::size_t> winners_;
  std::vector<std::size_t> order_;
  std::size_t next_ = 0;
  double low_ = 0;
  double high_ = 0;
  std::uint64_t rules_ = 0;
};

}  // namespace

std::vector<std::size_t> ascend(Search& search, const SimbaOptions& options, const Program& student,
                                const Training& training) {
  Steps steps(search, options, student, training);
  steps.run();
  return steps.finalists();
}

}  // namespace dspy::optimize
