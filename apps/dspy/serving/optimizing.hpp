#pragma once

#include "dspy/server/catalog.hpp"
#include "dspy/server/optimizing/optimization_runner.hpp"
#include "serving/data_parts.hpp"

#include <memory>

namespace dspy::app {

/// Optimizers over the programs that are served and the datasets of the workspace; null without a workspace.
std::shared_ptr<server::OptimizationRunner> optimization_runner(const DataFlags& flags, const DataParts& parts,
                                                                std::shared_ptr<const server::Catalog> catalog);

}  // namespace dspy::app
