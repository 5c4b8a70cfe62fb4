#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/json.hpp"
#include "dspy/signature/example.hpp"
#include "dspy/signature/history.hpp"
#include "dspy/signature/signature.hpp"

#include <memory>
#include <string>
#include <vector>

namespace dspy::app {

/// What one JSONL line asks for, be it a prompt, a call or the reading of a reply: `signature`, `instructions`,
/// `adapter`, `module`, `demos`, `history`, `inputs`.
struct Job {
  Signature signature;
  std::shared_ptr<const Adapter> adapter;
  std::vector<Example> demos;
  History history;
  JsonObject inputs;
  std::string completion;
};

/// Reads a job.  Throws `Error` that names the member at fault.
Job read_job(const JsonObject& line);

}  // namespace dspy::app
