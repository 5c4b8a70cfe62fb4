#pragma once

#include "dspy/base/json.hpp"
#include "dspy/server/resources/workspace.hpp"

namespace dspy::server {

/// What the checkpoint of an optimizer says while it is written (docs/formats/checkpoint.md): whose run it is, how much
/// it has asked, and how many examples it has measured.  Which candidates there are it does not say.  `state` is
/// `running` if a process has the file open, else `stopped`.
JsonObject checkpoint_view(const WorkspaceEntry& entry);

}  // namespace dspy::server
