#pragma once

#include "dspy/lm/budget.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/experiments/exposure.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/programs/splits.hpp"
#include "dspy/server/routes.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

/// Whose call it is, for the trace.
struct CallOrigin {
  std::string id = {};  ///< Of the trace, 32 hexadecimal digits: what the response calls `trace_id`.
  std::string tenant = {};
  std::string program = {};
  std::string version = {};
  std::string key = {};
};

/// What a call may spend, and what must live until it has ended.
struct CallCharge {
  std::shared_ptr<Budget> budget = {};
  std::shared_ptr<void> keeps = {};
};

/// What stands around every call of a program.  Empty members do nothing.
struct ProgramsOptions {
  std::string scope = "invoke";  ///< That callers need.
  std::function<std::shared_ptr<Trace>(const CallOrigin& origin)> trace = {};
  /// Throws `Error` for a key whose budget is spent.
  std::function<CallCharge(const Caller& caller)> charge = {};
  /// Whether a key may use the program or model of that name.
  std::function<bool(const Caller& caller, std::string_view name)> may_use = {};
  std::shared_ptr<Splits> splits = std::make_shared<Splits>();
  /// Told of each call that an experiment which is recorded gave to an arm, before it is made.
  std::function<void(Exposure exposure)> on_exposure = {};
  std::size_t max_batch = 1000;
  std::size_t batch_concurrency = 32;
};

/// `/v1/programs`: list, one of them, call, `:stream`, `:batch` and `:render` (docs/guide/serving.md).
std::vector<Route> program_routes(std::shared_ptr<const Catalog> catalog, ProgramsOptions options = {});

/// `{"name", "version", "source", "loaded_at", "signature", "instructions", "inputs", "outputs", "predictors"}`.
JsonObject to_json(const ServedProgram& program);

}  // namespace dspy::server
