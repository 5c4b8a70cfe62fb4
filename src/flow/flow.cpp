#include "dspy/flow/flow.hpp"

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/concurrent.hpp"
#include "dspy/base/error.hpp"
#include "dspy/modules/self_consistency.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

/// How many steps stand one behind the other before each.
std::vector<std::size_t> depths(const FlowPlan& plan) {
  std::vector<std::size_t> out;
  for (const auto& step : plan.steps) {
    std::size_t depth = 0;
    for (const auto& [input, source] : step.inputs) {
      const auto from = std::ranges::find(plan.steps, source.step, &FlowStep::name);
      if (from != plan.steps.end())
        depth = std::max(depth, out[static_cast<std::size_t>(from - plan.steps.begin())] + 1);
    }
    out.push_back(depth);
  }
  return out;
}

PredictorOptions options_of(const FlowStep& step) {
  return {.adapter = step.adapter.empty() ? nullptr : adapter(step.adapter), .sampling = step.sampling};
}

/// The values that are there so far.
class Values {
 public:
  Values(const FlowPlan& plan, const JsonObject& inputs) : plan_(plan), inputs_(inputs), made_(plan.steps.size()) {}

  const Json* find(const FlowSource& source) const {
    if (source.step.empty()) return inputs_.if_contains(source.field);
    const auto from = std::ranges::find(plan_.steps, source.step, &FlowStep::name);
    const auto& made = made_[static_cast<std::size_t>(from - plan_.steps.begin())];
    return made ? made->get(source.field) : nullptr;
  }

  JsonObject inputs_of(const FlowStep& step) const {
    JsonObject out;
    for (const auto& [input, source] : step.inputs) {
      if (const auto* const value = find(source)) out[input] = *value;
    }
    return out;
  }

  void set(std::size_t step, Prediction made) { made_[step] = std::move(made); }

  Prediction result() const {
    Prediction out;
    for (const auto& [name, source] : plan_.outputs) {
      if (const auto* const value = find(source)) out.data[name] = *value;
      for (std::size_t i = 0; i < made_.size(); ++i) {
        if (plan_.steps[i].name != source.step || !made_[i]) continue;
        for (const auto& [field, likely] : made_[i]->probabilities) {
          if (field == source.field || field.starts_with(source.field + "."))
            out.probabilities[name + field.substr(source.field.size())] = likely;
        }
      }
    }
    for (std::size_t i = 0; i < made_.size(); ++i) {
      if (!made_[i]) continue;
      const auto& [step, made] = std::pair(plan_.steps[i].name, *made_[i]);
      out.lm_usage += made.lm_usage;
      for (const auto& flag : made.flags)
        out.flags.push_back({flag.field.empty() ? step : step + "." + flag.field, flag.repair});
      for (const auto& part : made.unenforced) out.unenforced.push_back(step + ": " + part);
      out.failures.insert(out.failures.end(), made.failures.begin(), made.failures.end());
      for (auto violation : made.violations) {
        violation.path = step + "." + violation.path;
        out.violations.push_back(std::move(violation));
      }
      out.completion = made.completion;
      out.adapter = made.adapter;
    }
    return out;
  }

 private:
  const FlowPlan& plan_;
  const JsonObject& inputs_;
  std::vector<std::optional<Prediction>> made_;
};

}  // namespace

Flow::Flow(FlowPlan plan) {
  validate(plan);
  const auto deep = depths(plan);
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const auto& step = plan.steps[i];
    const bool thinks = step.module == FlowStep::Module::chain_of_thought;
    parts_.push_back({.path = thinks ? step.name + ".predict" : step.name,
                      .predictor = Predictor(step.asked(), options_of(step)),
                      .depth = deep[i]});
  }
  signature_ = std::make_shared<const Signature>(plan.signature());
  plan_ = std::make_shared<const FlowPlan>(std::move(plan));
}

Async<Prediction> Flow::run(JsonObject inputs, Run how) const {
  inputs = checked_inputs(*signature_, std::move(inputs));
  Values values(*plan_, inputs);
  std::size_t deepest = 0;
  for (const auto& part : parts_) deepest = std::max(deepest, part.depth);
  for (std::size_t depth = 0; depth <= deepest; ++depth) {
    std::vector<std::size_t> ready;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (parts_[i].depth == depth) ready.push_back(i);
    }
    // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines): awaited here, where all of it lives
    co_await run_concurrently(ready.size(), ready.size(), [&](std::size_t k) -> Async<void> {
      const auto& step = plan_->steps[ready[k]];
      const auto& predictor = parts_[ready[k]].predictor;
      if (step.samples == 1) {
        values.set(ready[k], co_await predictor.run(values.inputs_of(step), how));
      } else {
        const SelfConsistency<Predictor> many(predictor, step.samples, step.vote_on);
        values.set(ready[k], co_await many.run(values.inputs_of(step), how));
      }
    });
  }
  co_return values.result();
}

void Flow::set_lms(const std::function<std::shared_ptr<LM>(const std::string& model)>& make) {
  std::map<std::string, std::shared_ptr<LM>> made;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const auto& name = plan_->steps[i].lm;
    if (name.empty()) continue;
    const auto known = plan_->lms.find(name);
    const auto& model = known == plan_->lms.end() ? name : known->second;
    if (!made.contains(model)) made[model] = make(model);
    parts_[i].predictor.set_lm(made[model]);
  }
}

}  // namespace dspy
