#pragma once

#include "dspy/config/config.hpp"
#include "dspy/server/catalog.hpp"

namespace dspy::server {

/// Serves the models of `dspy.toml` under their names there: an alias, with its retries, cache, limits, budget and
/// fallbacks.  Each is created on first use, so a missing key or file is an error of that request alone, and the next
/// one tries again.  Names already in the catalog are not changed.
void serve_configured(const Config& config, Catalog& catalog);

}  // namespace dspy::server
