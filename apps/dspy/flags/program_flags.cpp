#include "flags/program_flags.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <format>
#include <optional>
#include <utility>
#include <vector>

namespace dspy::app {

void ProgramFlags::add_to(CLI::App& command) {
  command
      .add_option("-s,--signature", signature, "The signature, for files of Python DSPy that do not name their fields")
      ->group("Program");
  command.add_option("--predictor", predictor, "Which predictor, of a file with several (`dspy inspect` lists them)")
      ->group("Program");
  command.add_flag("--accept-changed", accept_changed, "Accept a file that was edited after it was saved")
      ->group("Program");
}

ProgramFile ProgramFlags::load() const {
  return load_program(path, {.accept_changed = accept_changed});
}

std::string ProgramFlags::functions_of(const SavedPredictor& saved) {
  std::vector<std::string> names;
  if (saved.functions) {
    for (const auto& [field, name] : saved.functions->validators)
      names.push_back(std::format("the validator `{}`{}", name, field.empty() ? "" : std::format(" of `{}`", field)));
    for (const auto& field : saved.functions->computed)
      names.push_back(std::format("the computed field `{}`", field.name));
  }
  return names.empty() ? std::string() : text::enumerate(names, "", "and");
}

const SavedPredictor& ProgramFlags::choose(const ProgramFile& file) const {
  if (predictor.empty() && file.predictors.size() == 1) return file.predictors[0];
  if (const auto* found = file.find(predictor)) return *found;
  std::vector<std::string> paths;
  for (const auto& each : file.predictors) paths.push_back(each.path);
  throw Error(Errc::bad_input,
              "`" + path + "` holds the predictors " + text::enumerate(paths, "`", "and") +
                  (predictor.empty() ? "; choose one with --predictor" : ", and none named `" + predictor + "`"));
}

Predictor ProgramFlags::make(const SavedPredictor& saved, PredictorOptions options) const {
  return to_predictor(saved, std::move(options),
                      signature.empty() ? std::optional<Signature>() : Signature::parse(signature));
}

}  // namespace dspy::app
