#pragma once

#include "dspy/adapters/adapter.hpp"

#include <memory>
#include <mutex>
#include <span>

namespace dspy {

/// Keeps the exchange of the last call for the next one.  Its owner clears it whenever the
/// signature or the demonstrations change; another adapter is noticed here.
///
/// A value: copies share what is kept.  `get` may be called from any thread.
class ExchangeCache {
 public:
  ExchangeCache() = default;
  ExchangeCache(const ExchangeCache& other) : kept_(other.load()) {}
  ExchangeCache& operator=(const ExchangeCache& other);
  ~ExchangeCache() = default;

  std::shared_ptr<const Exchange> get(const std::shared_ptr<const Adapter>& adapter,
                                      const std::shared_ptr<const Signature>& signature,
                                      std::span<const Example> demos) const;
  void clear() noexcept;

 private:
  struct Kept {
    std::shared_ptr<const Adapter> adapter = {};
    std::shared_ptr<const Exchange> exchange = {};
  };

  Kept load() const;

  mutable std::mutex mutex_;
  mutable Kept kept_;
};

}  // namespace dspy
