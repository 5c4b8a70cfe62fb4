#include "flows.hpp"

#include "dspy/base/file.hpp"
#include "dspy/modules/traversal.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace dspy::app {

std::optional<LoadedFlow> read_flow(const std::string& path, const ProgramFlags& program, const ModelFlags& model,
                                    const PolicyFlags& policy) {
  const LoadOptions options{.accept_changed = program.accept_changed};
  std::error_code code;
  if (!std::filesystem::is_regular_file(path, code) || !is_flow(read_text(path, options.max_bytes)))
    return std::nullopt;
  auto out = load_flow(path, options);
  const auto& steps = out.flow.plan().steps;
  const bool all_name_one = std::ranges::none_of(steps, [](const FlowStep& step) { return step.lm.empty(); });
  const auto lm_of_all = all_name_one ? nullptr : model.make();
  const auto rules = policy.make();
  out.flow.for_each_predictor([&](const std::string&, Predictor& predictor) {
    predictor.set_lm(lm_of_all);
    predictor.set_sampling(model.sampling.over(predictor.sampling()));
    predictor.set_policy(rules);
  });
  out.flow.set_lms([](const std::string& name) { return lm(model_uri(name)); });
  return out;
}

}  // namespace dspy::app
