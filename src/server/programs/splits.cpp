#include "dspy/server/programs/splits.hpp"

#include "dspy/base/error.hpp"
#include "dspy/evaluate/sequential.hpp"
#include "dspy/server/catalog.hpp"

#include <format>
#include <memory>
#include <mutex>
#include <optional>
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

void Splits::start(std::string program, Split split, std::optional<std::string> tenant) {
  if (split.arms.size() < 2)
    throw Error(Errc::invalid_parameter, std::format("the experiment on `{}` needs at least two arms", program));
  statistics::assigned_arm(split.experiment, "", weights_of(split));  // throws for invalid weights
  auto shared = std::make_shared<const Split>(std::move(split));
  const std::lock_guard lock(mutex_);
  splits_.insert_or_assign({std::move(program), std::move(tenant)}, std::move(shared));
}

bool Splits::stop(std::string_view program, const std::optional<std::string>& tenant) {
  const std::lock_guard lock(mutex_);
  return splits_.erase({std::string(program), tenant}) != 0;
}

std::shared_ptr<const Split> Splits::find(std::string_view program, std::string_view tenant) const {
  const std::lock_guard lock(mutex_);
  if (splits_.empty()) return nullptr;
  auto it = splits_.find({std::string(program), std::string(tenant)});
  if (it == splits_.end()) it = splits_.find({std::string(program), std::nullopt});
  return it == splits_.end() ? nullptr : it->second;
}

Splits::Chosen Splits::choose(const Catalog& catalog, std::string_view name, std::string_view unit,
                              std::string_view tenant) const {
  auto own = catalog.program(name);
  if (!own) return {};
  if (const auto split = find(name, tenant)) {
    const auto& arm = split->arms[statistics::assigned_arm(split->experiment, unit, weights_of(*split))];
    if (auto program = arm.version ? arm.version : catalog.program(arm.program))
      return {.program = std::move(program),
              .experiment = split->experiment,
              .arm = arm.name.empty() ? arm.program : arm.name,
              .is_recorded = split->is_recorded};
  }
  return {.program = std::move(own)};
}

}  // namespace dspy::server
