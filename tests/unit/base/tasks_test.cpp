#include "dspy/base/tasks.hpp"

#include "dspy/base/clock.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/base/wait.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>
#include <set>
#include <string>
#include <thread>

using namespace dspy;
using namespace std::chrono_literals;

namespace {

Async<int> after(std::chrono::milliseconds time, int value) {
  co_await dspy::sleep(time);
  co_return value;
}

Async<int> failing() {
  co_await dspy::sleep(1ms);
  throw Error(Errc::bad_input, "no");
}

Async<int> sleeping(std::stop_token stop) {
  co_await dspy::sleep(10s, std::move(stop));
  co_return 1;
}

}  // namespace

TEST_CASE("when_all does several things at once and keeps their order") {
  const auto [a, b] = wait(when_all(after(20ms, 1), after(1ms, 2)));
  std::vector<Async<int>> many;
  for (int i = 0; i < 50; ++i) many.push_back(after(std::chrono::milliseconds(50 - i), i));

  const auto all = wait(when_all(std::move(many)));

  CHECK(a == 1);
  CHECK(b == 2);
  REQUIRE(all.size() == 50);
  CHECK(std::ranges::is_sorted(all));
  CHECK(wait(when_all(std::vector<Async<int>>())).empty());
}

TEST_CASE("What one of several throws cancels the others and reaches the caller") {
  const auto begun = std::chrono::steady_clock::now();

  CHECK_THROWS_WITH_AS(wait(when_all(after(10'000ms, 1), failing())), "no", Error);

  CHECK(std::chrono::steady_clock::now() - begun < 5s);
}

TEST_CASE("A sleep ends when it is asked to stop, from another thread") {
  std::stop_source stop;
  const std::jthread asks([&] {
    std::this_thread::sleep_for(10ms);
    stop.request_stop();
  });

  const auto result = attempt([&] { wait(dspy::sleep(10s, stop.get_token())); });

  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::cancelled);
  CHECK_THROWS_AS(wait(dspy::sleep(10s, stop.get_token())), Error);
  CHECK_NOTHROW(wait(dspy::sleep(1ms, std::stop_source().get_token())));
}

TEST_CASE("until passes results and failures on where nobody asks to stop") {
  const std::stop_source stop;

  CHECK(wait(until(after(1ms, 7), stop.get_token())) == 7);
  CHECK_THROWS_WITH_AS(wait(until(failing(), stop.get_token())), "no", Error);
}

TEST_CASE("spawn runs in the background, and its future has the result or what was thrown") {
  auto value = spawn(after(1ms, 7));
  auto failure = spawn(failing());

  CHECK(value.get() == 7);
  CHECK_THROWS_WITH_AS(failure.get(), "no", Error);
}

TEST_CASE("on_cpu computes on another thread, and its caller goes on where it was") {
  const auto here = std::this_thread::get_id();
  const auto [there, back] = wait([]() -> Async<std::pair<std::thread::id, std::thread::id>> {
    const auto computing = co_await on_cpu([] { return std::this_thread::get_id(); });
    co_return std::pair(computing, std::this_thread::get_id());
  }());

  CHECK(there != here);
  CHECK(back == here);
  CHECK_THROWS_WITH_AS(wait(on_cpu([]() -> int { throw Error(Errc::bad_input, "no"); })), "no", Error);
  CHECK_NOTHROW(wait(on_cpu([] {})));
}

TEST_CASE("A secret is compared and revealed, and gone from where it was moved") {
  Secret key(std::string("sk-123"));
  const Secret same = key;

  CHECK(key == same);
  CHECK_FALSE(key == Secret(std::string("sk-124")));
  CHECK_FALSE(key == Secret(std::string("sk-12")));
  CHECK_FALSE(Secret(std::string()) == key);
  CHECK(key.reveal() == "sk-123");
  const auto moved = std::move(key);
  CHECK(key.is_empty());  // NOLINT(bugprone-use-after-move): that is what is tested
  CHECK(moved == same);
}

TEST_CASE("A fake clock stands still until it is moved") {
  FakeClock clock;
  const auto begun = clock.now();
  const auto wall = clock.wall();

  CHECK(clock.now() == begun);
  clock.advance(5s);
  CHECK(clock.now() - begun == 5s);
  CHECK(clock.wall() - wall == 5s);
  const auto real = Clock::real().now();
  CHECK(real <= Clock::real().now());
}

TEST_CASE("Random numbers are those of SplitMix64, and the same for the same seed") {
  Random random(1234567);
  CHECK(random() == 6457827717110365317ULL);  // the reference implementation's
  CHECK(random() == 3203168211198807973ULL);

  std::array<int, 100> items{};
  std::iota(items.begin(), items.end(), 0);
  auto shuffled = items;
  Random(5).shuffle(std::span<int>(shuffled));
  auto again = items;
  Random(5).shuffle(std::span<int>(again));

  CHECK(shuffled == again);
  CHECK(shuffled != items);
  CHECK(std::set<int>(shuffled.begin(), shuffled.end()).size() == items.size());
  std::array<int, 6> counts{};
  for (int i = 0; i < 60'000; ++i) ++counts[Random(static_cast<std::uint64_t>(i)).below(6)];
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 500);
  CHECK(Random(1).below(0) == 0);
  CHECK(Random(1).fork(0)() != Random(1).fork(1)());
  const auto uniform = Random(9).uniform();
  CHECK(uniform >= 0);
  CHECK(uniform < 1);
}

TEST_CASE("What cancels a caller also cancels what it waits for until a stop") {
  const std::stop_source never;
  const auto begun = std::chrono::steady_clock::now();

  CHECK_THROWS_WITH_AS(wait(when_all(until(after(10s, 1), never.get_token()), failing())), "no", Error);
  CHECK_THROWS_WITH_AS(wait(when_all(sleeping(never.get_token()), failing())), "no", Error);

  CHECK(std::chrono::steady_clock::now() - begun < 5s);
}
