#pragma once

#include "dspy/server/resources/resource_table.hpp"

#include <filesystem>

namespace dspy::app {

/// What is stored in a workspace on this machine, without a server.  Throws `Error` (`config_error`) for a folder that
/// was named and is not there.
server::ResourceTable workspace_table(const std::filesystem::path& folder);

}  // namespace dspy::app
