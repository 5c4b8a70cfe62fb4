#include "dspy/optimize/better_together.hpp"

#include "dspy/base/text.hpp"
#include "dspy/optimize/kernel/python_random.hpp"
#include "optimize/kernel/fault.hpp"
#include "optimize/options.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <utility>

namespace dspy {
namespace {

using namespace optimize;

std::vector<std::string> stages_of(std::string_view strategy) {
  std::vector<std::string> out;
  while (true) {
    const auto arrow = strategy.find("->");
    out.emplace_back(text::trim(strategy.substr(0, arrow)));
    if (arrow == std::string_view::npos) return out;
    strategy.remove_prefix(arrow + 2);
  }
}

/// A stage that ends before it has measured anything ends the whole: what other stages found stands.
Optimized run_stage(const AnyOptimizer& optimizer, const Program& program, const Training& training) {
  try {
    return optimizer(program, training);
  } catch (const Error& error) {
    if (is_infrastructure(error.code())) throw Halt(error.code(), error.what());
    throw;
  }
}

}  // namespace

BetterTogether::BetterTogether(BetterTogetherOptions options)
    : options_(std::move(options)), stages_(stages_of(options_.strategy)) {
  for (const auto& stage : stages_) {
    if (stage.empty())
      throw Error(Errc::invalid_parameter,
                  std::format("the strategy `{}` has an empty part; write an optimizer on each side of `->`",
                              options_.strategy));
    if (options_.optimizers.contains(stage)) continue;
    std::vector<std::string> names;
    for (const auto& each : options_.optimizers) names.push_back(each.first);
    throw Error(Errc::invalid_parameter, std::format("the strategy names the optimizer `{}`; there are {}", stage,
                                                     names.empty() ? "none" : text::enumerate(names, "`", "and")));
  }
  if (!(options_.valset_ratio > 0 && options_.valset_ratio < 1))
    throw Error(Errc::invalid_parameter, "`valset_ratio` must lie between 0 and 1");
}

Optimized BetterTogether::compile(const Program& student, const Training& training) const {
  require_metric("BetterTogether", options_.metric);
  auto own = training;
  if (!own.search.ledger) own.search.ledger = std::make_shared<Ledger>(own.search.limits);
  Search search("BetterTogether",
                {{"strategy", options_.strategy},
                 {"valset_ratio", options_.valset_ratio},
                 {"shuffle", options_.shuffle_trainset_between_steps},
                 {"seed", options_.seed}},
                student, options_.metric, own);
  auto train = training.trainset;
  auto val = training.valset;
  if (val.empty()) {
    const auto count = static_cast<std::size_t>(std::floor(static_cast<double>(train.size()) * options_.valset_ratio));
    if (count == 0 || count == train.size()) {
      throw Error(Errc::invalid_parameter, std::format("{} training examples are too few to keep a share of {} for "
                                                       "validation; give a validation set",
                                                       train.size(), options_.valset_ratio));
    }
    val.assign(train.begin(), train.begin() + static_cast<std::ptrdiff_t>(count));
    train.erase(train.begin(), train.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return search.complete([&] {
    PythonRandom random(options_.seed);
    auto current = search.add(student, "the program as it was");
    search.evaluate(current, val);
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      if (options_.shuffle_trainset_between_steps) random.shuffle(train);
      Training stage{.trainset = train, .valset = val, .teacher = training.teacher, .search = own.search};
      if (!stage.search.checkpoint.empty()) stage.search.checkpoint += std::format(".{}", i + 1);
      const auto before = search.candidates()[current].program;
      auto made = run_stage(options_.optimizers.at(stages_[i]), before, stage);
      search.report().details[std::format("stage {}", i + 1)] = to_json(made.report);
      current = search.add(std::move(made.program),
                           std::format("stage {}: {} by {}", i + 1, stages_[i], made.report.optimizer), {current});
      search.evaluate(current, val);
      if (!made.report.stopped.empty()) {
        search.report().stopped = made.report.stopped;
        break;
      }
    }
  });
}

}  // namespace dspy
