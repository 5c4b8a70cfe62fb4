#pragma once

#include "dspy/lm/budget.hpp"
#include "dspy/lm/middleware/breaker.hpp"
#include "dspy/lm/middleware/cache.hpp"
#include "dspy/lm/tracing/metrics.hpp"
#include "dspy/lm/tracing/otlp.hpp"

#include <memory>
#include <string>

// Gauges of what stands between calls and models, asked when the metrics are read.  What is watched lives as long as
// the metrics.

namespace dspy {

/// `dspy_lm_cache_entries`, `dspy_lm_cache_bytes`, `dspy_lm_cache_hits`, `dspy_lm_cache_misses` and
/// `dspy_lm_cache_damaged`, of the memory (`tier="memory"`) and of the store below it.
void watch_cache(Metrics& metrics, std::shared_ptr<Cache> cache, const std::string& name);

/// `dspy_lm_budget_used_requests`, `…_used_tokens` and `…_used_usd`.
void watch_budget(Metrics& metrics, std::shared_ptr<Budget> budget, const std::string& name);

/// `dspy_lm_breaker_state`: 0 closed, 1 half open, 2 open.
void watch_breaker(Metrics& metrics, std::shared_ptr<Breaker> breaker, const std::string& model,
                   const Clock& clock = Clock::real());

/// `dspy_dropped_spans`: of an exporter.
void watch_exporter(Metrics& metrics, std::shared_ptr<OtlpTrace> exporter);

}  // namespace dspy
