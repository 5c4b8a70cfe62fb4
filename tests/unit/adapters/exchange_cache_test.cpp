#include "dspy/adapters/exchange_cache.hpp"

#include "dspy/adapters/chat_adapter.hpp"
#include "dspy/adapters/field_adapter.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using namespace dspy;

namespace {

std::shared_ptr<const Signature> qa() {
  return std::make_shared<const Signature>(Signature::parse("question -> answer"));
}

}  // namespace

TEST_CASE("An exchange is kept until something it depends on changes") {
  const std::shared_ptr<const Adapter> field = std::make_shared<FieldAdapter>();
  const std::shared_ptr<const Adapter> chat = std::make_shared<ChatAdapter>();
  const auto signature = qa();
  ExchangeCache cache;

  const auto first = cache.get(field, signature, {});

  CHECK(cache.get(field, signature, {}) == first);
  const auto other = cache.get(chat, signature, {});
  CHECK(other != first);
  CHECK(cache.get(chat, signature, {}) == other);
  cache.clear();
  CHECK(cache.get(chat, signature, {}) != other);
}

TEST_CASE("A copy shares what is kept, and forgets for itself alone") {
  const std::shared_ptr<const Adapter> adapter = std::make_shared<FieldAdapter>();
  const auto signature = qa();
  ExchangeCache cache;
  const auto kept = cache.get(adapter, signature, {});
  ExchangeCache copy(cache);
  ExchangeCache assigned;
  assigned = cache;

  CHECK(copy.get(adapter, signature, {}) == kept);
  CHECK(assigned.get(adapter, signature, {}) == kept);
  copy.clear();
  CHECK(copy.get(adapter, signature, {}) != kept);
  CHECK(cache.get(adapter, signature, {}) == kept);
}

TEST_CASE("What a copy comes to keep is shared as well") {
  const std::shared_ptr<const Adapter> adapter = std::make_shared<FieldAdapter>();
  const auto signature = qa();
  const ExchangeCache cache;
  const ExchangeCache copy(cache);

  const auto kept = copy.get(adapter, signature, {});

  CHECK(cache.get(adapter, signature, {}) == kept);
}

TEST_CASE("Threads may ask for an exchange at the same time") {
  const std::shared_ptr<const Adapter> adapters[] = {std::make_shared<FieldAdapter>(), std::make_shared<ChatAdapter>()};
  const auto signature = qa();
  const ExchangeCache cache;
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const JsonObject inputs = {{"question", "?"}};
      for (int i = 0; i < 500; ++i) {
        const auto exchange = cache.get(adapters[(i + t) % 2], signature, {});
        wrong += exchange->format(inputs).empty() || &exchange->signature() != signature.get();
      }
    });
  }
  for (auto& thread : threads) thread.join();

  CHECK(wrong == 0);
}
