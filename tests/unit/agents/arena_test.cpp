#include "agents/arena.hpp"

#include "dspy/base/json.hpp"

#include <boost/json/storage_ptr.hpp>
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace dspy;

JsonObject schema() {
  return {{"type", "object"},
          {"properties", {{"city", {{"type", "string"}, {"description", std::string(100, 'x')}}}}},
          {"required", JsonArray{"city"}}};
}

}  // namespace

TEST_CASE("an arena learns how large a block its values need, and serves them when it is too small") {
  const auto size = std::make_shared<Arena::Size>(64);
  const auto plain = schema();
  for (int round = 0; round < 3; ++round) {
    const auto memory = boost::json::make_shared_resource<Arena>(size);
    const JsonObject copy(plain, memory);
    CHECK(copy.size() == plain.size());
  }
  const auto learned = size->load();
  CHECK(learned > 200);
  CHECK(learned < 2000);
  {
    const JsonObject copy(plain, boost::json::make_shared_resource<Arena>(size));
  }
  CHECK(size->load() == learned);
}

TEST_CASE("values in an arena outlive it, are moved, copied and changed, also from several threads") {
  const auto size = std::make_shared<Arena::Size>(4096);
  JsonObject kept;
  {
    JsonObject made(schema(), boost::json::make_shared_resource<Arena>(size));
    made["more"] = std::string(10'000, 'y');
    std::vector<JsonObject> copies(4);
    std::vector<std::jthread> threads;
    for (auto& copy : copies)
      threads.emplace_back([&copy, &made] {
        for (int i = 0; i < 50; ++i) {
          const JsonObject another(made);
          copy = another;
        }
      });
    threads.clear();
    for (const auto& copy : copies) CHECK(copy == made);
    kept = std::move(made);
  }
  CHECK(kept.at("properties") == schema().at("properties"));
  CHECK(kept.at("more").as_string().size() == 10'000);
}
