#include "option_values.hpp"

#include "json.hpp"

#include <format>

namespace dspy::python {
namespace {

nb::dict row_of(const ReflectiveExample& example) {
  nb::dict out;
  out["Inputs"] = to_python(example.inputs);
  out["Generated Outputs"] =
      example.outputs.empty() ? nb::object(to_python(example.reply)) : nb::object(to_python(example.outputs));
  out["Feedback"] = to_python(example.feedback);
  return out;
}

}  // namespace

void Options::finish() const {
  for (const auto& [key, value] : given_) {
    const auto name = nb::cast<std::string>(key);
    if (known_.contains(name)) continue;
    std::string all;
    for (const auto& one : known_) all += (all.empty() ? "" : ", ") + one;
    throw Error(Errc::invalid_parameter, std::format("{} has no option `{}`; it has {}", owner_, name, all));
  }
}

ProposeInstruction to_proposer(nb::handle function) {
  return [held = Held(nb::borrow(function))](const Reflection& reflection) {
    return with_python([&] {
      const auto component = to_python(reflection.predictor);
      nb::list rows;
      for (const auto& example : reflection.examples) rows.append(row_of(example));
      nb::dict candidate, dataset;
      candidate[component] = to_python(reflection.current_instruction);
      dataset[component] = rows;
      nb::list components;
      components.append(component);
      const nb::object said = held.get()(nb::arg("candidate") = candidate, nb::arg("reflective_dataset") = dataset,
                                         nb::arg("components_to_update") = components);
      const auto proposed = nb::cast<nb::dict>(said);
      if (!proposed.contains(component))
        throw Error(Errc::bad_input,
                    std::format("the instruction proposer returned nothing for `{}`; return a dict with a text for "
                                "each of `components_to_update`",
                                reflection.predictor));
      return nb::cast<std::string>(proposed[component]);
    });
  };
}

OpenWeights to_open(nb::handle function) {
  return [held = Held(nb::borrow(function))](const std::string& name, const std::filesystem::path& weights) {
    return with_python([&] { return to_lm(held.get()(to_python(name), to_python(weights.string()))); });
  };
}

std::map<std::string, AnyOptimizer> to_optimizers(nb::handle stages) {
  std::map<std::string, AnyOptimizer> out;
  for (const auto& [key, stage] : nb::cast<nb::dict>(stages))
    out.emplace(nb::cast<std::string>(key), optimizer(nb::cast<std::string>(stage[0]), nb::cast<nb::dict>(stage[1])));
  return out;
}

std::vector<Sampling> to_samplings(nb::handle settings) {
  std::vector<Sampling> out;
  for (const auto& each : settings) out.push_back(to_sampling(each));
  return out;
}

}  // namespace dspy::python
