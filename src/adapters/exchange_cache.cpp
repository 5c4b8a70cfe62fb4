#include "dspy/adapters/exchange_cache.hpp"

namespace dspy {

std::shared_ptr<const Exchange> ExchangeCache::get(const std::shared_ptr<const Adapter>& adapter,
                                                   const std::shared_ptr<const Signature>& signature,
                                                   std::span<const Example> demos) const {
  {
    const std::lock_guard lock(kept_->mutex);
    if (kept_->adapter == adapter) return kept_->exchange;
  }
  // Two threads may both get here; that costs time once, and either result will do.
  auto exchange = adapter->prepare(signature, demos);
  auto old_adapter = adapter;  // what is dropped goes after the lock
  auto old_exchange = exchange;
  const std::lock_guard lock(kept_->mutex);
  kept_->adapter.swap(old_adapter);
  kept_->exchange.swap(old_exchange);
  return exchange;
}

}  // namespace dspy
