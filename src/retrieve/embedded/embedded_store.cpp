#include "dspy/retrieve/embedded/embedded_store.hpp"

#include "dspy/base/tasks.hpp"
#include "retrieve/embedded/engine.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

// Disks and sums take time: everything runs on a thread for computing, not where the caller's events are.

EmbeddedStore::EmbeddedStore(std::string_view folder, EmbeddedOptions options)
    : engine_(std::make_shared<embedded::Engine>(std::filesystem::path(folder), std::move(options))) {}

Async<void> EmbeddedStore::upsert(std::vector<Passage> passages) {
  return on_cpu([engine = engine_, all = std::move(passages)]() mutable { engine->upsert(std::move(all)); });
}

Async<std::optional<std::size_t>> EmbeddedStore::remove(std::vector<std::string> ids) {
  return on_cpu([engine = engine_, all = std::move(ids)] { return std::optional(engine->remove(all)); });
}

Async<std::optional<std::size_t>> EmbeddedStore::remove_where(Filter filter) {
  return on_cpu([engine = engine_, which = std::move(filter)] { return std::optional(engine->remove_where(which)); });
}

Async<std::vector<Hit>> EmbeddedStore::search(StoreQuery query) {
  return on_cpu([engine = engine_, wanted = std::move(query)] { return engine->search(wanted); });
}

Async<std::size_t> EmbeddedStore::count(Filter filter) {
  return on_cpu([engine = engine_, which = std::move(filter)] { return engine->count(which); });
}

Async<ScanPage> EmbeddedStore::scan(Filter filter, std::string cursor, std::size_t limit, bool with_vectors) {
  return on_cpu([engine = engine_, which = std::move(filter), from = std::move(cursor), limit, with_vectors] {
    return engine->scan(which, from, limit, with_vectors);
  });
}

Async<std::vector<Passage>> EmbeddedStore::get(std::vector<std::string> ids) {
  return on_cpu([engine = engine_, all = std::move(ids)] { return engine->get(all); });
}

Async<StoreInfo> EmbeddedStore::info() {
  return on_cpu([engine = engine_] { return engine->info(); });
}

Async<void> EmbeddedStore::compact(CompactOptions options) {
  return on_cpu([engine = engine_, how = std::move(options)] { engine->compact(how); });
}

Async<IndexCheck> EmbeddedStore::check() {
  return on_cpu([engine = engine_] { return engine->check(); });
}

Async<double> EmbeddedStore::recall_self_check(std::size_t samples, std::size_t k) {
  return on_cpu([engine = engine_, samples, k] { return engine->recall(samples, k); });
}

}  // namespace dspy
