#include "optimize/demos.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace dspy::optimize {

std::vector<std::string> paths_of(const Program& program) {
  std::vector<std::string> paths;
  program.for_each_predictor([&](const std::string& path, const Predictor&) { paths.push_back(path); });
  return paths;
}

Program without_demos(Program program) {
  program.for_each_predictor([](const std::string&, Predictor& predictor) { predictor.set_demos({}); });
  return program;
}

bool has_demos(const Program& program) {
  bool found = false;
  program.for_each_predictor(
      [&](const std::string&, const Predictor& predictor) { found = found || !predictor.demos().empty(); });
  return found;
}

Program with_demos(Program program, const DemosByPath& demos) {
  program.for_each_predictor([&](const std::string& path, Predictor& predictor) {
    if (const auto at = demos.find(path); at != demos.end()) predictor.set_demos(at->second);
  });
  return program;
}

DemosByPath demos_of(const Program& program) {
  DemosByPath out;
  program.for_each_predictor(
      [&](const std::string& path, const Predictor& predictor) { out[path] = predictor.demos(); });
  return out;
}

Demos as_demos(std::span<const Example> examples, std::span<const std::size_t> chosen, const Signature& signature) {
  Demos out;
  out.reserve(chosen.size());
  for (const auto index : chosen) out.emplace_back(examples[index].data, signature);
  return out;
}

Program labeled(const Program& student, std::span<const Example> trainset, std::size_t k, bool sample) {
  auto program = student;
  PythonRandom random(0);
  k = std::min(k, trainset.size());
  program.for_each_predictor([&](const std::string&, Predictor& predictor) {
    std::vector<std::size_t> chosen(k);
    if (sample)
      chosen = random.sample(trainset.size(), k);
    else
      std::iota(chosen.begin(), chosen.end(), std::size_t{0});
    predictor.set_demos(as_demos(trainset, chosen, predictor.signature()));
  });
  return program;
}

Metric any_answer() {
  return {"any answer", [](const Example&, const Prediction&) { return true; }};
}

}  // namespace dspy::optimize
