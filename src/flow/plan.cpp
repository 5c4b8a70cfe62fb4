#include "dspy/flow/plan.hpp"

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/modules/chain_of_thought.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Kind = Type::Kind;

[[noreturn]] void refuse(const std::string& place, const std::string& why) {
  throw Error(Errc::config_error, place + ": " + why);
}

/// False where no value of `from` can be one of `to`.  Limits are checked when the program runs.
bool suits(const Type& from, const Type& to) {
  const auto &given = from.required(), &wanted = to.required();
  const auto is_open = [](const Type& type) {
    return type.kind == Kind::any || type.kind == Kind::union_ || type.kind == Kind::reference;
  };
  if (is_open(given) || is_open(wanted)) return true;
  if (given.kind == Kind::literal || wanted.kind == Kind::literal)
    return given.kind == wanted.kind || given.kind == Kind::string || wanted.kind == Kind::string ||
           given.kind == Kind::integer || wanted.kind == Kind::integer;
  if (given.kind == Kind::integer && wanted.kind == Kind::number) return true;
  if (given.kind != wanted.kind || given.arguments.size() != wanted.arguments.size()) return false;
  for (std::size_t i = 0; i < given.arguments.size(); ++i) {
    if (!suits(given.arguments[i], wanted.arguments[i])) return false;
  }
  return true;
}

std::vector<std::string> names_of(const std::vector<Field>& fields) {
  std::vector<std::string> out;
  for (const auto& field : fields) out.push_back(field.name);
  return out;
}

std::string meant(std::string_view word, const std::vector<std::string>& candidates) {
  if (const auto near = text::nearest(word, candidates)) return std::format("; did you mean `{}`?", *near);
  return candidates.empty() ? std::string() : std::format("; there is {}", text::enumerate(candidates, "`", "and"));
}

/// The field that a source names, of the program's inputs or of the first `steps` steps.
Field find_source(const FlowPlan& plan, std::size_t steps, const FlowSource& source, const std::string& place) {
  if (source.step.empty()) {
    const auto found = std::ranges::find(plan.inputs, source.field, &Field::name);
    if (found == plan.inputs.end()) {
      refuse(place,
             std::format("the program has no input `{}`{}", source.field, meant(source.field, names_of(plan.inputs))));
    }
    return *found;
  }
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    if (plan.steps[i].name != source.step) continue;
    if (i >= steps) refuse(place, std::format("`{}` comes from a step that runs later", to_string(source)));
    const auto outputs = plan.steps[i].asked().outputs;
    const auto found = std::ranges::find(outputs, source.field, &Field::name);
    if (found == outputs.end()) {
      refuse(place, std::format("the step `{}` has no output `{}`{}", source.step, source.field,
                                meant(source.field, names_of(outputs))));
    }
    return *found;
  }
  std::vector<std::string> steps_there;
  for (const auto& step : plan.steps) steps_there.push_back(step.name);
  refuse(place, std::format("there is no step `{}`{}", source.step, meant(source.step, steps_there)));
}

void check_step(const FlowPlan& plan, std::size_t index) {
  const auto& step = plan.steps[index];
  const auto place = std::format("/steps/{}", index);
  try {
    make_field(step.name);
  } catch (const Error&) {
    refuse(place + "/name", std::format("`{}` cannot be a step's name; use letters, digits and `_`", step.name));
  }
  for (std::size_t i = 0; i < index; ++i) {
    if (plan.steps[i].name == step.name) refuse(place + "/name", std::format("there is a step `{}` before", step.name));
  }
  Signature asked;
  try {
    validate(step.signature);
    asked = step.asked();
    validate(step.sampling);
    if (!step.adapter.empty()) adapter(step.adapter);
  } catch (const Error& error) {
    refuse(place + "/signature", error.what());
  }
  if (step.samples == 0) refuse(place + "/samples", "a step is asked at least once");
  if (!step.vote_on.empty() && !std::ranges::contains(asked.outputs, step.vote_on, &Field::name))
    refuse(place + "/vote_on",
           std::format("the step has no output `{}`{}", step.vote_on, meant(step.vote_on, names_of(asked.outputs))));
  for (const auto& [name, source] : step.inputs) {
    const auto where = place + "/inputs/" + name;
    const auto input = std::ranges::find(asked.inputs, name, &Field::name);
    if (input == asked.inputs.end())
      refuse(where, std::format("the step has no input `{}`{}", name, meant(name, names_of(asked.inputs))));
    const auto from = find_source(plan, index, source, where);
    if (!suits(from.type, input->type)) {
      refuse(where, std::format("`{}` is a {}, and the input a {}", to_string(source), annotation_name(from.type),
                                annotation_name(input->type)));
    }
  }
  for (const auto& input : asked.inputs) {
    if (input.is_required() && !step.inputs.contains(input.name)) {
      refuse(place, std::format("the step `{}` needs `{}`, which is neither an input of the program nor an output of a "
                                "step before; name its source in `inputs`",
                                step.name, input.name));
    }
  }
}

}  // namespace

std::string to_string(const FlowSource& source) {
  return source.step.empty() ? source.field : source.step + "." + source.field;
}

std::string_view to_string(FlowStep::Module module) noexcept {
  return module == FlowStep::Module::predict ? "Predict" : "ChainOfThought";
}

Signature FlowStep::asked() const {
  return module == Module::predict ? signature : with_reasoning(signature);
}

const FlowStep* FlowPlan::find(std::string_view step) const noexcept {
  const auto found = std::ranges::find(steps, step, &FlowStep::name);
  return found == steps.end() ? nullptr : &*found;
}

Signature FlowPlan::signature() const {
  Signature out{.instructions = description, .inputs = inputs};
  for (const auto& [output, source] : outputs) {
    const auto from = find_source(*this, steps.size(), source, "/outputs/" + output);
    auto field = make_field(output, from.type, from.description);
    if (from.name == output) field.label = from.label;
    out.outputs.push_back(std::move(field));
  }
  return out;
}

void validate(const FlowPlan& plan) {
  if (plan.steps.empty()) refuse("/steps", "the program has no steps; add one with a name and a signature");
  for (std::size_t i = 0; i < plan.steps.size(); ++i) check_step(plan, i);
  if (plan.outputs.empty()) refuse("/outputs", "the program has no outputs; name each with its source");
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    const auto& [name, source] = plan.outputs[i];
    const auto place = "/outputs/" + name;
    for (std::size_t k = 0; k < i; ++k) {
      if (plan.outputs[k].first == name) refuse(place, std::format("the output `{}` is named twice", name));
    }
    find_source(plan, plan.steps.size(), source, place);
  }
  try {
    validate(plan.signature());
  } catch (const Error& error) {
    refuse("/inputs", error.what());
  }
}

}  // namespace dspy
