#include "dspy/evaluate/forecasts.hpp"

#include <map>
#include <string>
#include <vector>

namespace dspy {

std::map<std::string, std::vector<statistics::Forecast>> forecasts_of(const EvaluationResult& result) {
  std::map<std::string, std::vector<statistics::Forecast>> out;
  for (const auto& row : result.rows) {
    if (!row.is_done || row.error) continue;
    for (const auto& value : row.prediction.data) {
      const std::string name(value.key());
      const auto told = row.prediction.probabilities.find(name);
      const auto* const label = row.example.get(name);
      if (told == row.prediction.probabilities.end() || label == nullptr) continue;
      out[name].push_back({.probability = told->second, .happened = *label == value.value()});
    }
  }
  return out;
}

}  // namespace dspy
