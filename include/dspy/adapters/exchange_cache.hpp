#pragma once

#include "dspy/adapters/adapter.hpp"

#include <memory>
#include <mutex>
#include <span>

namespace dspy {

/// Caches the exchange of the last call for the next one.  Its owner clears it whenever the signature, the
/// demonstrations or the adapter change; other changes of an adapter are detected here.
///
/// A value: copies share the cached exchange, including later ones, until they are cleared.  `get` may be called from
/// any thread.
class ExchangeCache {
 public:
  ExchangeCache() = default;
  // A cache that was moved from still works: there is no move.
  ExchangeCache(const ExchangeCache&) = default;
  ExchangeCache& operator=(const ExchangeCache&) = default;
  ~ExchangeCache() = default;

  std::shared_ptr<const Exchange> get(const std::shared_ptr<const Adapter>& adapter,
                                      const std::shared_ptr<const Signature>& signature,
                                      std::span<const Example> demos) const;
  /// Forgets for this one alone.
  void clear() { kept_ = std::make_shared<Kept>(); }

 private:
  struct Kept {
    std::mutex mutex = {};
    std::shared_ptr<const Adapter> adapter = {};
    std::shared_ptr<const Exchange> exchange = {};
  };

  std::shared_ptr<Kept> kept_ = std::make_shared<Kept>();
};

}  // namespace dspy
