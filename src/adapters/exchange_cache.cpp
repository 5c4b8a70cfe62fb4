#include "dspy/adapters/exchange_cache.hpp"

#include <utility>

namespace dspy {

ExchangeCache& ExchangeCache::operator=(const ExchangeCache& other) {
  auto kept = other.load();
  const std::lock_guard lock(mutex_);
  std::swap(kept_, kept);
  return *this;
}

std::shared_ptr<const Exchange> ExchangeCache::get(const std::shared_ptr<const Adapter>& adapter,
                                                   const std::shared_ptr<const Signature>& signature,
                                                   std::span<const Example> demos) const {
  {
    const std::lock_guard lock(mutex_);
    if (kept_.adapter == adapter) return kept_.exchange;
  }
  // Two threads may both get here; that costs time once, and either result will do.
  auto exchange = adapter->prepare(signature, demos);
  Kept kept{adapter, exchange};
  const std::lock_guard lock(mutex_);
  std::swap(kept_, kept);
  return exchange;
}

void ExchangeCache::clear() noexcept {
  Kept kept;
  const std::lock_guard lock(mutex_);
  std::swap(kept_, kept);
}

ExchangeCache::Kept ExchangeCache::load() const {
  const std::lock_guard lock(mutex_);
  return kept_;
}

}  // namespace dspy
