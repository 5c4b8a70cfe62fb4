#include "dspy/lm/tracing/watched.hpp"

#include <utility>

namespace dspy {
namespace {

/// Watches one member of what `stats` returns.
template <class Stats>
void watch_stats(Metrics& metrics, const Metrics::Labels& labels, const Stats& stats) {
  const auto add = [&](const char* name, const char* help, std::uint64_t CacheStats::* member) {
    metrics.describe_gauge(name, help);
    metrics.watch(name, labels, [stats, member] { return static_cast<double>(stats().*member); });
  };
  add("dspy_lm_cache_entries", "Replies in a cache.", &CacheStats::entries);
  add("dspy_lm_cache_bytes", "Their size.", &CacheStats::bytes);
  add("dspy_lm_cache_hits", "Requests that a cache answered.", &CacheStats::hits);
  add("dspy_lm_cache_misses", "Requests that it did not know.", &CacheStats::misses);
  add("dspy_lm_cache_damaged", "Replies that were thrown away since they could not be trusted.", &CacheStats::damaged);
}

}  // namespace

void watch_cache(Metrics& metrics, std::shared_ptr<Cache> cache, const std::string& name) {
  watch_stats(metrics, {{"cache", name}, {"tier", "memory"}}, [cache] { return cache->stats(); });
  if (const auto store = cache->store())
    watch_stats(metrics, {{"cache", name}, {"tier", std::string(to_string(store->source()))}},
                [store] { return store->stats(); });
}

void watch_budget(Metrics& metrics, std::shared_ptr<Budget> budget, const std::string& name) {
  const auto add = [&](const char* metric, const char* help, double (*value)(const Usage& used)) {
    metrics.describe_gauge(metric, help);
    metrics.watch(metric, {{"budget", name}}, [budget, value] { return value(budget->used()); });
  };
  add("dspy_lm_budget_used_requests", "Requests that count towards a budget.",
      [](const Usage& used) { return static_cast<double>(used.requests); });
  add("dspy_lm_budget_used_tokens", "Tokens that count towards a budget.", [](const Usage& used) {
    return static_cast<double>(used.prompt_tokens.value_or(0) + used.completion_tokens.value_or(0));
  });
  add("dspy_lm_budget_used_usd", "Known cost that counts towards a budget, in US dollars.",
      [](const Usage& used) { return static_cast<double>(used.cost_nanodollars.value_or(0)) / 1e9; });
}

void watch_breaker(Metrics& metrics, std::shared_ptr<Breaker> breaker, const std::string& model, const Clock& clock) {
  metrics.describe_gauge("dspy_lm_breaker_state", "Of a model's circuit breaker: 0 closed, 1 half open, 2 open.");
  metrics.watch("dspy_lm_breaker_state", {{"model", model}}, [breaker = std::move(breaker), &clock] {
    switch (breaker->state(clock.now())) {
      case Breaker::State::closed: return 0.0;
      case Breaker::State::half_open: return 1.0;
      case Breaker::State::open: return 2.0;
    }
    std::unreachable();
  });
}

void watch_exporter(Metrics& metrics, std::shared_ptr<OtlpTrace> exporter) {
  metrics.describe_gauge("dspy_dropped_spans", "Spans that the exporter could not send.");
  metrics.watch("dspy_dropped_spans", {},
                [exporter = std::move(exporter)] { return static_cast<double>(exporter->dropped()); });
}

}  // namespace dspy
