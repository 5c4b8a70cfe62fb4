#include "dspy/base/sha256.hpp"
#include "optimize/demos.hpp"

#include <algorithm>
#include <charconv>
#include <format>
#include <numeric>
#include <utility>

namespace dspy::optimize {
namespace {

/// The teacher as it answers one training example: without the answer among its demonstrations.
Program without_example(const Program& teacher, const Example& example) {
  auto out = teacher;
  out.for_each_predictor([&](const std::string&, Predictor& predictor) {
    auto demos = predictor.demos();
    const auto removed = std::erase_if(demos, [&](const Example& demo) { return demo.data == example.data; });
    if (removed > 0) predictor.set_demos(std::move(demos));
  });
  return out;
}

Program teacher_of(const Program& student, const std::optional<Program>& given, std::span<const Example> trainset,
                   const BootstrapSettings& settings) {
  auto teacher = given.value_or(student);
  if (settings.max_labeled_demos > 0 && !has_demos(teacher))
    teacher = labeled(teacher, trainset, settings.max_labeled_demos, true);
  if (settings.teacher_lm) teacher = with_lm(std::move(teacher), settings.teacher_lm);
  return teacher;
}

void require_same_predictors(const Program& student, const Program& teacher) {
  if (paths_of(student) == paths_of(teacher)) return;
  throw Error(
      Errc::config_error,
      "the teacher's predictors are not the student's; it must be the same program, with other prompts or models");
}

/// The demonstration that a predictor's calls within one example give: of several, the last one half of the time.
const Example& choose(const std::vector<Example>& demos) {
  if (demos.size() == 1) return demos.front();
  std::string all;
  for (const auto& demo : demos) all += to_text(demo.data);
  const auto name = sha256(all);
  std::uint64_t seed = 0;
  std::from_chars(name.data(), name.data() + 16, seed, 16);
  PythonRandom random(seed);
  if (random.uniform() >= 0.5) return demos.back();
  return demos[static_cast<std::size_t>(random.below(demos.size() - 1))];
}

class Bootstrapping {
 public:
  Bootstrapping(Search& search, const Program& student, const Program& teacher, std::span<const Example> trainset,
                const BootstrapSettings& settings)
      : search_(search), student_(student), teacher_(teacher), trainset_(trainset), settings_(settings) {}

  Bootstrapped run() {
    std::size_t next = 0;
    while (next < trainset_.size() && found_.size() < settings_.max_bootstrapped_demos) {
      const auto count = std::min(settings_.max_bootstrapped_demos - found_.size(), trainset_.size() - next);
      try_examples(next, count);
      next += count;
    }
    return {.program = trained(), .errors = errors_, .examples = std::move(found_), .demos = std::move(by_example_)};
  }

 private:
  struct Trial {
    std::size_t example;
    Program teacher;
    std::shared_ptr<const Rollout> good = {};
  };

  void try_examples(std::size_t first, std::size_t count) {
    std::vector<Trial> trials;
    trials.reserve(count);
    for (auto i = first; i < first + count; ++i)
      trials.push_back({.example = i, .teacher = without_example(teacher_, trainset_[i])});
    for (std::size_t round = 0; round < settings_.max_rounds; ++round) {
      std::vector<Trial*> open;
      for (auto& trial : trials) {
        if (!trial.good) open.push_back(&trial);
      }
      try_once(open, round);
    }
    for (const auto& trial : trials) {
      if (trial.good) keep(trial);
    }
  }

  void try_once(const std::vector<Trial*>& open, std::size_t round) {
    std::vector<Job> jobs;
    jobs.reserve(open.size());
    for (const auto* const trial : open) {
      jobs.push_back({.program = &trial->teacher,
                      .example = &trainset_[trial->example],
                      .draw = {.number = round},
                      .for_demonstration = true});
    }
    const auto outcomes = search_.run(jobs);
    for (std::size_t i = 0; i < open.size(); ++i) {
      const auto& outcome = outcomes[i];
      if (!outcome.is_scored()) {
        count_error(outcome);
      } else if (is_good(outcome.score.value)) {
        open[i]->good = outcome.rollout;
      }
    }
  }

  bool is_good(double score) const {
    if (!settings_.has_metric) return true;
    if (settings_.metric_threshold) return score >= *settings_.metric_threshold;
    return score != 0;
  }

  void count_error(const Outcome& outcome) {
    ++errors_;
    if (!settings_.max_errors || errors_ < *settings_.max_errors) return;
    throw Error(Errc::bad_input,
                std::format("bootstrapping gave up after {} examples that failed (max_errors), the last with: {}",
                            errors_, outcome.metric_failure ? *outcome.metric_failure : *outcome.rollout->failure));
  }

  void keep(const Trial& trial) {
    found_.push_back(trial.example);
    std::map<std::string, Demos> by_path;
    student_.for_each_predictor([&](const std::string& path, const Predictor& predictor) {
      for (const auto& step : trial.good->steps) {
        if (step.path != path) continue;
        JsonObject values = {{"augmented", true}};
        for (const auto& each : step.inputs) values[each.key()] = each.value();
        for (const auto& each : step.prediction.data) values[each.key()] = each.value();
        by_path[path].emplace_back(std::move(values), predictor.signature());
      }
    });
    auto& own = by_example_.emplace_back();
    for (const auto& [path, demos] : by_path) {
      own[path] = {choose(demos)};
      demos_[path].push_back(own[path].front());
    }
  }

  Program trained() {
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < trainset_.size(); ++i) {
      if (!std::ranges::contains(found_, i)) left.push_back(i);
    }
    PythonRandom(0).shuffle(left);
    auto program = student_;
    PythonRandom random(0);
    program.for_each_predictor([&](const std::string& path, Predictor& predictor) {
      auto demos = demos_[path];
      demos.resize(std::min(demos.size(), settings_.max_bootstrapped_demos));
      const auto room = settings_.max_labeled_demos - std::min(demos.size(), settings_.max_labeled_demos);
      auto chosen = random.sample(left.size(), std::min(room, left.size()));
      for (auto& each : chosen) each = left[each];
      std::ranges::move(as_demos(trainset_, chosen, predictor.signature()), std::back_inserter(demos));
      predictor.set_demos(std::move(demos));
    });
    return program;
  }

  Search& search_;
  const Program& student_;
  const Program& teacher_;
  std::span<const Example> trainset_;
  const BootstrapSettings& settings_;
  std::vector<std::size_t> found_;
  DemosByPath demos_;
  std::vector<DemosByPath> by_example_;
  std::size_t errors_ = 0;
};

}  // namespace

Bootstrapped bootstrap(Search& search, const Program& student, const std::optional<Program>& teacher,
                       std::span<const Example> trainset, const BootstrapSettings& settings) {
  if (teacher) require_same_predictors(student, *teacher);
  const auto whole = teacher_of(student, teacher, trainset, settings);
  return Bootstrapping(search, student, whole, trainset, settings).run();
}

std::vector<DemosByPath> demo_sets(Search& search, const Program& student, const std::optional<Program>& teacher,
                                   const std::vector<Example>& trainset, std::size_t count,
                                   const BootstrapSettings& settings, bool labeled_sample,
                                   bool include_non_bootstrapped, PythonRandom& random) {
  std::vector<DemosByPath> sets;
  const auto last = static_cast<std::int64_t>(count) - 3;
  for (std::int64_t seed = -3; seed < last; ++seed) {
    if (seed == -3 && include_non_bootstrapped) {
      sets.push_back(demos_of(without_demos(student)));
    } else if (seed == -2 && settings.max_labeled_demos > 0 && include_non_bootstrapped) {
      sets.push_back(demos_of(labeled(student, trainset, settings.max_labeled_demos, labeled_sample)));
    } else if (seed == -1) {
      auto plain = settings;
      plain.metric_threshold = {};
      sets.push_back(demos_of(bootstrap(search, student, teacher, trainset, plain).program));
    } else {
      auto shuffled = trainset;
      random.shuffle(shuffled);
      auto sized = settings;
      sized.max_bootstrapped_demos =
          static_cast<std::size_t>(random.integer(1, static_cast<std::int64_t>(settings.max_bootstrapped_demos)));
      sets.push_back(demos_of(bootstrap(search, student, teacher, shuffled, sized).program));
    }
  }
  return sets;
}

}  // namespace dspy::optimize
