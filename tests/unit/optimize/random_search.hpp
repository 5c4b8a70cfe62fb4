#pragma once

#include "dspy/modules/traversal.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "worlds.hpp"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

// A random search that many tests run, and all that it found as a text.

namespace dspy::test::search {

/// Right for questions whose number and those of the demonstrations make a multiple of three.
inline std::string answer(const Asked& asked) {
  std::size_t sum = asked.question;
  for (const auto k : asked.shown) sum += k;
  return sum % 3 == 0 ? std::format("a{}", asked.question) : "wrong";
}

inline RandomSearchOptions options() {
  return {.metric = exact_match(), .max_bootstrapped_demos = 2, .max_labeled_demos = 3, .num_candidate_programs = 4};
}

inline Training training(SearchOptions search = {}) {
  return {.trainset = examples_of(12), .valset = examples_of(10, 100), .search = std::move(search)};
}

inline Program student(std::shared_ptr<LM> lm) {
  return with_lm(Program(Two()), lm);
}

/// All that says what was found.
inline std::string outcome(const Optimized& optimized) {
  JsonArray out;
  for (const auto& each : optimized.report.candidates)
    out.emplace_back(JsonArray{each.origin, each.prompts, each.score ? Json(*each.score) : Json()});
  out.emplace_back(optimize::prompts_of(optimized.program));
  return to_text(out);
}

inline std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

}  // namespace dspy::test::search
