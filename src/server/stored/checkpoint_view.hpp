#pragma once

#include "dspy/base/json.hpp"
#include "dspy/server/resources/workspace.hpp"

#include <filesystem>

namespace dspy::server {

/// What the checkpoint of an optimizer says while it is written (docs/formats/checkpoint.md): whose run it is, how much
/// it has asked, and how many examples it has measured.  Which candidates there are it does not say.  `state` is
/// `running` if a process has the file open, else `stopped`.
JsonObject checkpoint_view(const WorkspaceEntry& entry);

/// Whether a process has the checkpoint open, as an optimizer does while it runs.
bool is_held(const std::filesystem::path& path);

}  // namespace dspy::server
