#include "starting/project.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/codegen.hpp"
#include "dspy/programs/program_file.hpp"
#include "dspy/signature/signature.hpp"
#include "starting/sample_values.hpp"
#include "starting/templates.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::app {
namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Rows of examples, to be replaced by real ones; empty where no values can be made up.
std::string dataset(const Signature& signature, std::size_t first, std::size_t count) {
  std::string out;
  for (std::size_t number = first; number < first + count; ++number) {
    auto row = sample_values(signature.inputs, number);
    const auto outputs = sample_values(signature.outputs, number);
    if (!row || !outputs) return {};
    for (const auto& [name, value] : *outputs) (*row)[name] = value;
    out += to_text(*row) + "\n";
  }
  return out;
}

}  // namespace

void require_project_name(std::string_view name) {
  const bool fits =
      !name.empty() && name.size() <= 50 && is_letter(name.front()) &&
      std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; });
  if (!fits)
    throw Error(
        Errc::bad_input,
        std::format("`{}` cannot be the name of a project; use letters, digits, `-` and `_`, a letter first", name));
  // Targets that the project has anyway, and CMake's own.
  for (const std::string_view taken : {"evaluate", "program_test", "test", "all", "install", "clean", "help", "dspy",
                                       "edit_cache", "rebuild_cache", "preinstall", "package", "package_source",
                                       "depend", "list_install_components", "ALL_BUILD", "RUN_TESTS", "ZERO_CHECK"}) {
    if (text::equals_ignoring_case(name, taken))
      throw Error(Errc::bad_input, std::format("`{}` is already used in the project; choose another name", name));
  }
}

std::string editable_program(const Predictor& predictor) {
  auto json = parse_json(to_text(to_program_file(predictor))).value();
  json.as_object().at("dspy_cpp").as_object().erase("hash");
  return to_pretty_text(json) + "\n";
}

std::string identifier_of(std::string_view name) {
  std::string out(name);
  std::ranges::replace(out, '-', '_');
  return out;
}

std::string type_name_of(std::string_view name) {
  std::string out;
  bool begins = true;
  for (const char c : name) {
    if (c == '-' || c == '_') {
      begins = true;
      continue;
    }
    out += begins && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    begins = false;
  }
  return out;
}

std::string filled(std::string_view text, const std::map<std::string, std::string, std::less<>>& values) {
  std::string out;
  while (!text.empty()) {
    const auto open = text.find('@');
    out += text.substr(0, open);
    if (open == std::string_view::npos) break;
    text.remove_prefix(open);
    const auto close = text.find('@', 1);
    const auto it = close == std::string_view::npos ? values.end() : values.find(text.substr(1, close - 1));
    if (it == values.end()) {
      out += '@';
      text.remove_prefix(1);
    } else {
      out += it->second;
      text.remove_prefix(close + 1);
    }
  }
  return out;
}

ProjectFiles project_files(const std::string& name, const Signature& signature) {
  require_project_name(name);
  validate(signature);
  const std::map<std::string, std::string, std::less<>> values = {{"NAME", name},
                                                                  {"IDENTIFIER", identifier_of(name) + "_program"},
                                                                  {"TYPE", type_name_of(name)},
                                                                  {"SIGNATURE", to_notation(signature)}};
  ProjectFiles out;
  out["src/program.hpp"] = to_cpp(
      signature,
      {.name = values.at("TYPE"), .name_space = values.at("IDENTIFIER"), .source = "the signature of this project"});
  out["programs/" + name + ".json"] = editable_program(Predictor(signature));
  out["data/train.jsonl"] = dataset(signature, 0, 4);
  out["data/dev.jsonl"] = dataset(signature, 4, 4);
  const auto add = [&](std::string path, std::string_view text) { out[std::move(path)] = filled(text, values); };
  add("CMakeLists.txt", templates::cmake);
  add("src/main.cpp", templates::main);
  add("src/evaluate.cpp", templates::evaluate);
  add("tests/program_test.cpp", templates::test);
  add("dspy.toml", templates::toml);
  add(".env.example", templates::environment);
  add("Containerfile", templates::container);
  add(".gitignore", templates::ignored);
  add("README.md", templates::readme);
  return out;
}

}  // namespace dspy::app
