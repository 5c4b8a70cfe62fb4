// A plan as JSON, and back.  The reader fills in the sources that people leave out, so that a plan always has them all.

#include "dspy/base/error.hpp"
#include "dspy/base/json_pointer.hpp"
#include "dspy/base/text.hpp"
#include "dspy/flow/plan.hpp"
#include "lm/json/sampling_json.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <functional>
#include <map>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Setter = std::function<void(const Json& value, const std::string& place)>;
using Members = std::vector<std::pair<std::string_view, Setter>>;

[[noreturn]] void refuse(const std::string& place, const std::string& why) {
  throw Error(Errc::config_error, place + ": " + why);
}

/// Runs `work`, whose errors are then about `place`.
template <class F>
auto at_place(const std::string& place, F&& work) {
  try {
    return work();
  } catch (const Error& error) {
    refuse(place, error.what());
  }
}

void read(const JsonObject& object, const std::string& place, std::string_view what, const Members& members) {
  for (const auto& member : object) {
    const std::string_view name = member.key();
    const auto found = std::ranges::find(members, name, &Members::value_type::first);
    const auto where = step_into(place, name);
    if (found == members.end()) {
      std::vector<std::string> names;
      for (const auto& known : members | std::views::keys) names.emplace_back(known);
      const auto near = text::nearest(name, names);
      refuse(where, std::format("there is no `{}` in {}; {}", name, what,
                                near ? std::format("did you mean `{}`?", *near)
                                     : std::format("there is {}", text::enumerate(names, "`", "and"))));
    }
    found->second(member.value(), where);
  }
}

std::string text_of(const Json& value, const std::string& place) {
  if (!value.is_string()) refuse(place, std::format("must be a text, not {}", to_text(value)));
  return std::string(view(value.get_string()));
}

const JsonObject& object_of(const Json& value, const std::string& place) {
  if (!value.is_object()) refuse(place, std::format("must be an object (a table), not {}", to_text(value)));
  return value.get_object();
}

Setter to(std::string& out) {
  return [&out](const Json& value, const std::string& place) { out = text_of(value, place); };
}

FlowStep::Module module_of(const Json& value, const std::string& place) {
  const auto name = text_of(value, place);
  if (name == "Predict") return FlowStep::Module::predict;
  if (name == "ChainOfThought") return FlowStep::Module::chain_of_thought;
  refuse(place, std::format("there is no module `{}`; a step is a `Predict` or a `ChainOfThought`{}", name,
                            name == "SelfConsistency" ? ", asked `samples` times" : ""));
}

FlowSource source_of(std::string_view written) {
  const auto dot = written.find('.');
  if (dot == std::string_view::npos) return {.field = std::string(written)};
  return {.step = std::string(written.substr(0, dot)), .field = std::string(written.substr(dot + 1))};
}

/// Where a name without a step comes from, after the first `steps` steps: the last of them that writes it, or the
/// input.
FlowSource by_name(const FlowPlan& plan, std::size_t steps, const std::string& name) {
  for (std::size_t i = std::min(steps, plan.steps.size()); i-- > 0;) {
    const auto asked = plan.steps[i].asked();
    if (std::ranges::contains(asked.outputs, name, &Field::name)) return {.step = plan.steps[i].name, .field = name};
  }
  return {.field = name};
}

bool is_known(const FlowPlan& plan, const FlowSource& source) {
  return !source.step.empty() || std::ranges::contains(plan.inputs, source.field, &Field::name);
}

using Sources = std::map<std::string, std::string, std::less<>>;

Sources sources_of(const Json& value, const std::string& place) {
  Sources out;
  for (const auto& member : object_of(value, place))
    out[member.key()] = text_of(member.value(), step_into(place, member.key()));
  return out;
}

void set_descriptions(Signature& signature, const Sources& descriptions, const std::string& place) {
  for (const auto& [name, description] : descriptions) {
    at_place(step_into(place, name), [&] {
      signature = signature.with_updated_field(name, [&](Field& field) { field.description = description; });
    });
  }
}

/// A step as it is written; its sources are filled in by the caller, who knows the steps before it.
struct WrittenStep {
  FlowStep step;
  Sources inputs;
};

WrittenStep step_of(const Json& value, const std::string& place) {
  WrittenStep out;
  auto& step = out.step;
  std::string notation, instructions;
  Sources descriptions;
  read(object_of(value, place), place, "a step",
       {{"name", to(step.name)},
        {"module", [&](const Json& v, const std::string& p) { step.module = module_of(v, p); }},
        {"signature", to(notation)},
        {"instructions", to(instructions)},
        {"descriptions", [&](const Json& v, const std::string& p) { descriptions = sources_of(v, p); }},
        {"inputs", [&](const Json& v, const std::string& p) { out.inputs = sources_of(v, p); }},
        {"lm", to(step.lm)},
        {"adapter", to(step.adapter)},
        {"sampling",
         [&](const Json& v, const std::string& p) {
           step.sampling = at_place(p, [&] { return sampling_from_json(object_of(v, p)); });
         }},
        {"samples",
         [&](const Json& v, const std::string& p) {
           if (!v.is_int64() || v.get_int64() < 1 || v.get_int64() > 1000)
             refuse(p, "must be a whole number from 1 to 1000");
           step.samples = static_cast<std::size_t>(v.get_int64());
         }},
        {"vote_on", to(step.vote_on)}});
  if (step.name.empty()) refuse(place, "the step has no `name`");
  if (notation.empty()) refuse(place, std::format("the step `{}` has no `signature`", step.name));
  step.signature = at_place(place + "/signature", [&] { return Signature::parse(notation, std::move(instructions)); });
  set_descriptions(step.signature, descriptions, place + "/descriptions");
  at_place(place + "/signature", [&] { return step.asked(); });
  return out;
}

void fill_sources(FlowPlan& plan, WrittenStep& written) {
  auto& step = written.step;
  for (const auto& [input, source] : written.inputs) {
    auto meant = source_of(source);
    if (meant.step.empty()) meant = by_name(plan, plan.steps.size(), meant.field);
    step.inputs[input] = std::move(meant);
  }
  for (const auto& field : step.signature.inputs) {
    if (step.inputs.contains(field.name)) continue;
    auto source = by_name(plan, plan.steps.size(), field.name);
    if (is_known(plan, source)) step.inputs[field.name] = std::move(source);
  }
}

JsonObject to_json(const FlowStep& step) {
  JsonObject out{
      {"name", step.name}, {"module", std::string(to_string(step.module))}, {"signature", to_notation(step.signature)}};
  if (!step.signature.instructions.empty()) out["instructions"] = step.signature.instructions;
  JsonObject descriptions, inputs;
  for (const auto* side : {&step.signature.inputs, &step.signature.outputs}) {
    for (const auto& field : *side) {
      if (!field.description.empty()) descriptions[field.name] = field.description;
    }
  }
  if (!descriptions.empty()) out["descriptions"] = std::move(descriptions);
  for (const auto& [input, source] : step.inputs) inputs[input] = to_string(source);
  out["inputs"] = std::move(inputs);
  if (!step.lm.empty()) out["lm"] = step.lm;
  if (!step.adapter.empty()) out["adapter"] = step.adapter;
  if (auto sampling = to_json(step.sampling); !sampling.empty()) out["sampling"] = std::move(sampling);
  if (step.samples != 1) out["samples"] = step.samples;
  if (!step.vote_on.empty()) out["vote_on"] = step.vote_on;
  return out;
}

/// `question, context: list[str]`.
std::string inputs_notation(const FlowPlan& plan) {
  const auto whole = to_notation(Signature{.inputs = plan.inputs, .outputs = {make_field("output")}});
  return whole.substr(0, whole.rfind(" -> "));
}

}  // namespace

JsonObject to_json(const FlowPlan& plan) {
  JsonObject out;
  if (!plan.name.empty()) out["name"] = plan.name;
  if (!plan.description.empty()) out["description"] = plan.description;
  if (!plan.inputs.empty()) out["inputs"] = inputs_notation(plan);
  if (!plan.lms.empty()) {
    JsonObject lms;
    for (const auto& [name, uri] : plan.lms) lms[name] = uri;
    out["lms"] = std::move(lms);
  }
  JsonArray steps;
  for (const auto& step : plan.steps) steps.emplace_back(to_json(step));
  out["steps"] = std::move(steps);
  JsonObject outputs;
  for (const auto& [name, source] : plan.outputs) outputs[name] = to_string(source);
  out["outputs"] = std::move(outputs);
  return out;
}

FlowPlan flow_plan_from_json(const JsonObject& written) {
  FlowPlan plan;
  std::vector<WrittenStep> steps;
  JsonObject outputs;
  read(written, "", "a program",
       {{"name", to(plan.name)},
        {"description", to(plan.description)},
        {"inputs",
         [&](const Json& value, const std::string& place) {
           const auto notation = text_of(value, place);
           plan.inputs = at_place(place, [&] { return Signature::parse(notation + " -> output_").inputs; });
         }},
        {"lms",
         [&](const Json& value, const std::string& place) {
           for (const auto& [name, uri] : sources_of(value, place)) plan.lms[name] = uri;
         }},
        {"steps",
         [&](const Json& value, const std::string& place) {
           if (!value.is_array()) refuse(place, "must be a list of steps");
           for (std::size_t i = 0; i < value.get_array().size(); ++i)
             steps.push_back(step_of(value.get_array()[i], std::format("{}/{}", place, i)));
         }},
        {"outputs", [&](const Json& value, const std::string& place) {
           outputs = object_of(value, place);
           for (const auto& member : outputs) text_of(member.value(), step_into(place, member.key()));
         }}});
  for (auto& each : steps) {
    fill_sources(plan, each);
    plan.steps.push_back(std::move(each.step));
  }
  for (const auto& member : outputs) {
    auto source = source_of(view(member.value().get_string()));
    if (source.step.empty()) source = by_name(plan, plan.steps.size(), source.field);
    plan.outputs.emplace_back(member.key(), std::move(source));
  }
  if (outputs.empty() && !plan.steps.empty()) {
    const auto& last = plan.steps.back();
    for (const auto& field : last.signature.outputs)
      plan.outputs.emplace_back(field.name, FlowSource{.step = last.name, .field = field.name});
  }
  validate(plan);
  return plan;
}

}  // namespace dspy
