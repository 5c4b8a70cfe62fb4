#include "optimizers.hpp"

#include "dspy/optimize/option_names.hpp"
#include "option_values.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::python {
namespace {

template <class Optimizer, class OptimizerOptions>
AnyOptimizer made(Options given) {
  OptimizerOptions options{};
  optimize::for_each_option(options, given);
  given.finish();
  return any_optimizer(Optimizer(std::move(options)));
}

}  // namespace

AnyOptimizer optimizer(const std::string& name, nb::dict options) {
  static const std::map<std::string, AnyOptimizer (*)(Options), std::less<>> all = {
      {"LabeledFewShot", &made<LabeledFewShot, LabeledFewShotOptions>},
      {"BootstrapFewShot", &made<BootstrapFewShot, BootstrapFewShotOptions>},
      {"BootstrapFewShotWithRandomSearch", &made<BootstrapFewShotWithRandomSearch, RandomSearchOptions>},
      {"BootstrapFewShotWithOptuna", &made<BootstrapFewShotWithOptuna, BootstrapOptunaOptions>},
      {"MIPROv2", &made<MiproV2, MiproOptions>},
      {"GEPA", &made<Gepa, GepaOptions>},
      {"COPRO", &made<Copro, CoproOptions>},
      {"SIMBA", &made<Simba, SimbaOptions>},
      {"InferRules", &made<InferRules, InferRulesOptions>},
      {"ReAnchor", &made<ReAnchor, ReAnchorOptions>},
      {"KNNFewShot", &made<KnnFewShot, KnnFewShotOptions>},
      {"BetterTogether", &made<BetterTogether, BetterTogetherOptions>},
      {"BootstrapFinetune", &made<BootstrapFinetune, BootstrapFinetuneOptions>},
  };
  return all.at(name)(Options(name, std::move(options)));
}

}  // namespace dspy::python
