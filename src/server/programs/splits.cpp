#include "dspy/server/programs/splits.hpp"

#include "dspy/base/error.hpp"
#include "dspy/evaluate/sequential.hpp"
#include "dspy/server/catalog.hpp"

#include <format>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

std::vector<double> weights_of(const Split& split) {
  std::vector<double> out;
  out.reserve(split.arms.size());
  for (const auto& arm : split.arms) out.push_back(arm.weight);
  return out;
}

}  // namespace

void Splits::start(std::string program, Split split) {
  if (split.arms.size() < 2)
    throw Error(Errc::invalid_parameter, std::format("the experiment on `{}` needs at least two arms", program));
  statistics::assigned_arm(split.experiment, "", weights_of(split));  // throws for weights that are none
  const std::lock_guard lock(mutex_);
  splits_.insert_or_assign(std::move(program), std::move(split));
}

bool Splits::stop(std::string_view program) {
  const std::lock_guard lock(mutex_);
  const auto it = splits_.find(program);
  if (it == splits_.end()) return false;
  splits_.erase(it);
  return true;
}

std::map<std::string, Split, std::less<>> Splits::all() const {
  const std::lock_guard lock(mutex_);
  return splits_;
}

Splits::Chosen Splits::choose(const Catalog& catalog, std::string_view name, std::string_view unit) const {
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = splits_.find(name); it != splits_.end()) {
      const auto& split = it->second;
      const auto& arm = split.arms[statistics::assigned_arm(split.experiment, unit, weights_of(split))].program;
      if (auto program = catalog.program(arm)) return {std::move(program), split.experiment, arm};
    }
  }
  return {.program = catalog.program(name)};
}

}  // namespace dspy::server
