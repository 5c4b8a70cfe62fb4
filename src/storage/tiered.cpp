#include "dspy/base/error.hpp"
#include "dspy/storage/remote_cache.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

class Tiered final : public CacheStore {
 public:
  Tiered(std::shared_ptr<CacheStore> first, std::shared_ptr<CacheStore> second)
      : first_(std::move(first)), second_(std::move(second)) {}

  ReplySource source() const noexcept override {
    return found_in() == second_.get() ? second_->source() : first_->source();
  }

  std::optional<CacheEntry> find(std::string_view key, CacheTime now) noexcept override {
    found_in() = first_.get();
    if (auto found = first_->find(key, now)) return found;
    auto found = second_->find(key, now);
    if (!found) return {};
    found_in() = second_.get();
    first_->put(*found);
    return found;
  }

  void put(CacheEntry entry) noexcept override {
    second_->put(entry);
    first_->put(std::move(entry));
  }

  std::size_t erase(const CacheFilter& filter, CacheTime now) override {
    // Below first: what is gone above must not come back.
    const auto below = second_->erase(filter, now);
    return std::max(below, first_->erase(filter, now));
  }

  /// The first tier's: the second one may be other people's too.
  void each(const std::function<void(const CacheEntry& entry)>& visit) override { first_->each(visit); }

  void flush() override {
    first_->flush();
    second_->flush();
  }

  CacheStats stats() override { return first_->stats(); }

 private:
  /// Whoever has found something asks for its source next, on the same thread.
  static const CacheStore*& found_in() noexcept {
    thread_local const CacheStore* store = nullptr;
    return store;
  }

  std::shared_ptr<CacheStore> first_, second_;
};

}  // namespace

std::shared_ptr<CacheStore> tiered(std::shared_ptr<CacheStore> first, std::shared_ptr<CacheStore> second) {
  if (!first || !second)
    throw Error(Errc::config_error, "two tiers of a cache need two stores; one of them is missing");
  return std::make_shared<Tiered>(std::move(first), std::move(second));
}

}  // namespace dspy
