#include "flags/model_flags.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/config/config.hpp"
#include "flags/telemetry.hpp"
#ifdef DSPY_WITH_PROVIDERS
#include "dspy/providers/dialect.hpp"
#endif
#include "dspy/schemes.hpp"  // IWYU pragma: keep: including it is what offers `llama:` and the providers

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

template <class T>
CLI::Option* add_number(CLI::App& command, const std::string& name, std::optional<T>& target, const std::string& help) {
  return command.add_option(name, target, help)->group("Model");
}

}  // namespace

void ModelFlags::add_to(CLI::App& command) {
  command
      .add_option("-m,--model", model,
                  "The model: a name in dspy.toml, a GGUF file, a local model's name, a provider's model such as "
                  "openai/gpt-5.4-mini, or a URI such as llama:PATH?threads=2 [$DSPY_MODEL, else dspy.toml's default, "
                  "else the embedded model]")
      ->group("Model");
  add_number(command, "--temperature", sampling.temperature, "Sampling temperature; 0 is greedy");
  add_number(command, "--top-p", sampling.top_p,
             "Sample from the most likely tokens that together have this probability");
  add_number(command, "--top-k", sampling.top_k, "Sample from this many of the most likely tokens; 0: all");
  add_number(command, "--max-tokens", sampling.max_tokens, "End the reply after this many tokens");
  add_number(command, "--seed", sampling.seed, "The same seed gives the same text");
  command.add_option("--stop", sampling.stop, "End the reply before this text (may be repeated)")->group("Model");
}

std::shared_ptr<LM> ModelFlags::make() const {
  validate(sampling);
  auto chosen = model;
  if (chosen.empty()) {
    if (const char* from_environment = std::getenv("DSPY_MODEL")) chosen = from_environment;
  }
  return make_lm(std::move(chosen));
}

std::shared_ptr<LM> make_lm(std::string name) {
  const auto config = Config::load();
  begin_telemetry(config);
  if (name.empty()) name = config.default_lm();
  if (!name.empty() && config.lms().contains(name)) return config.lm(name);
  if (name.empty()) name = embedded_model();
  if (name.empty()) {
    throw Error(
        Errc::config_error,
        "no model was named, and the small one that comes with dspy (share/dspy/models/dspy-tiny.gguf beside the "
        "program's folder) was not found; give --model FILE.gguf, set DSPY_MODEL, or name a `default` in dspy.toml");
  }
  return lm(model_uri(name));
}

std::string model_uri(const std::string& model) {
  const auto slash = model.find('/');
  const auto colon = model.find(':');
  if (colon != std::string::npos && slash > colon) return model;
#ifdef DSPY_WITH_PROVIDERS
  // `provider/model`, unless it is the path of a file.
  const auto query = std::min(model.find('?'), model.size());
  std::error_code code;
  const bool is_path =
      std::string_view(model).substr(0, query).ends_with(".gguf") || std::filesystem::exists(model, code);
  if (slash != std::string::npos && slash < query && !is_path) {
    const auto word = model.substr(0, slash);
    std::vector<std::string> words;
    for (const auto& each : dialect_words()) words.emplace_back(each.word);
    if (find_dialect(word) != nullptr || text::nearest(word, words)) return model;  // `lm` says what was meant
  }
#endif
  return "llama:" + model;
}

std::string embedded_model() {
  namespace fs = std::filesystem;
  std::error_code code;
  std::vector<fs::path> places = {"models/dspy-tiny.gguf"};
  if (const auto self = fs::read_symlink("/proc/self/exe", code); !code) {
    places.push_back(self.parent_path() / "../../../models/dspy-tiny.gguf");
    places.push_back(self.parent_path() / "../share/dspy/models/dspy-tiny.gguf");
  }
  for (const auto& place : places) {
    if (fs::exists(place, code)) return place.lexically_normal().string();
  }
  return {};
}

}  // namespace dspy::app
