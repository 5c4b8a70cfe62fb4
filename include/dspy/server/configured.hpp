#pragma once

#include "dspy/config/config.hpp"
#include "dspy/server/catalog.hpp"

namespace dspy::server {

/// Serves the models of `dspy.toml` under their names there: an alias, with its retries, cache, limits, budget and
/// fallbacks.  Each is made when it is first asked, so that a missing key or file is the error of that request alone,
/// which the next one tries again.  Names that the catalog has already are left as they are.
void serve_configured(const Config& config, Catalog& catalog);

}  // namespace dspy::server
