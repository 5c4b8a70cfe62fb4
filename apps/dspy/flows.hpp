#pragma once

#include "command.hpp"
#include "dspy/flow/flow.hpp"

#include <optional>
#include <string>

namespace dspy::app {

/// The flow in a file, ready to be asked by the models, the sampling and the policy of the command line; steps that
/// name a model have that one.  Nothing if `path` is not a file, or holds something else.
std::optional<LoadedFlow> read_flow(const std::string& path, const ProgramFlags& program, const ModelFlags& model,
                                    const PolicyFlags& policy);

}  // namespace dspy::app
