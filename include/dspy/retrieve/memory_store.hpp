#pragma once

#include "dspy/retrieve/store.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dspy {

/// A store in memory: an exhaustive search over all passages.  The reference for the other stores' results, and
/// sufficient for a few thousand passages.
class MemoryStore final : public Store {
 public:
  explicit MemoryStore(StoreOptions options = {});

  Async<void> upsert(std::vector<Passage> passages) override;
  Async<std::optional<std::size_t>> remove(std::vector<std::string> ids) override;
  Async<std::optional<std::size_t>> remove_where(Filter filter) override;
  Async<std::vector<Hit>> search(StoreQuery query) override;
  Async<std::size_t> count(Filter filter = {}) override;
  Async<ScanPage> scan(Filter filter = {}, std::string cursor = {}, std::size_t limit = 1'000,
                       bool with_vectors = false) override;
  Async<std::vector<Passage>> get(std::vector<std::string> ids) override;
  Async<StoreInfo> info() override;

 private:
  struct Data;

  std::shared_ptr<Data> data_;
};

}  // namespace dspy
