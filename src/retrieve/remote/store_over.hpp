#pragma once

#include "dspy/base/async.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/store.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy::remote {

/// A store made of coroutines that share a state.  Each gets it by value, so that a call may be awaited after the store
/// has gone.
template <class State>
class StoreOver final : public Store {
 public:
  using Shared = std::shared_ptr<State>;

  struct Functions {
    Async<void> (*upsert)(Shared, std::vector<Passage>);
    Async<std::optional<std::size_t>> (*remove)(Shared, std::vector<std::string>);  ///< Never of no ids.
    Async<std::optional<std::size_t>> (*remove_where)(Shared, Filter);
    Async<std::vector<Hit>> (*search)(Shared, StoreQuery);
    Async<std::size_t> (*count)(Shared, Filter);
    Async<ScanPage> (*scan)(Shared, Filter, std::string cursor, std::size_t limit, bool with_vectors);
    Async<std::vector<Passage>> (*get)(Shared, std::vector<std::string>);
    Async<StoreInfo> (*info)(Shared);
  };

  StoreOver(Shared state, Functions functions) : state_(std::move(state)), do_(functions) {}

  Async<void> upsert(std::vector<Passage> passages) override { return do_.upsert(state_, std::move(passages)); }
  Async<std::optional<std::size_t>> remove(std::vector<std::string> ids) override {
    return ids.empty() ? nothing() : do_.remove(state_, std::move(ids));
  }
  Async<std::optional<std::size_t>> remove_where(Filter filter) override {
    return do_.remove_where(state_, std::move(filter));
  }
  Async<std::vector<Hit>> search(StoreQuery query) override { return do_.search(state_, std::move(query)); }
  Async<std::size_t> count(Filter filter) override { return do_.count(state_, std::move(filter)); }
  Async<ScanPage> scan(Filter filter, std::string cursor, std::size_t limit, bool with_vectors) override {
    return do_.scan(state_, std::move(filter), std::move(cursor), limit, with_vectors);
  }
  Async<std::vector<Passage>> get(std::vector<std::string> ids) override { return do_.get(state_, std::move(ids)); }
  Async<StoreInfo> info() override { return do_.info(state_); }

 private:
  static Async<std::optional<std::size_t>> nothing() { co_return 0; }

  Shared state_;
  Functions do_;
};

}  // namespace dspy::remote
