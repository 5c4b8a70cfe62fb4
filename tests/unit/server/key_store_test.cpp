#include "dspy/server/keys/key_store.hpp"

#include "dspy/base/clock.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/server/routes.hpp"
#include "server/keys/key_text.hpp"
#include "server/keys/rate_gate.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

using namespace dspy;
using namespace dspy::server;
using namespace std::chrono_literals;

namespace {

/// The status that authentication ends with; 200 if it lets the caller in.
int status(KeyStore& keys, std::string_view presented, std::string_view peer = "10.0.0.1") {
  try {
    keys.authenticate(presented, peer);
    return 200;
  } catch (const HttpError& error) {
    return error.status();
  }
}

struct Fixture {
  test::Folder folder;
  FakeClock clock;
  KeyStore keys{folder.path / "keys.sqlite", {.clock = &clock}};

  CreatedKey make(KeyLimits limits = {}) {
    return keys.create({.name = "ci", .tenant = "acme", .scopes = {"traces:read"}, .limits = limits});
  }
};

void spend(KeyStore& keys, const Caller& caller, std::uint64_t tokens, std::optional<std::int64_t> nanodollars = {}) {
  const auto charge = keys.charge(caller);
  REQUIRE(charge);
  charge->budget()->spend(
      {.requests = 1, .prompt_tokens = tokens, .completion_tokens = 0, .cost_nanodollars = nanodollars});
}

}  // namespace

TEST_CASE("a key says who asks; anything else is refused") {
  Fixture fixture;
  const auto made = fixture.make();
  const std::string secret(made.secret.reveal());
  CHECK(fixture.keys.authenticate(secret, "10.0.0.1") ==
        Caller{.key = made.key.id, .tenant = "acme", .scopes = {"traces:read"}});
  auto changed = secret;
  changed.back() = changed.back() == '0' ? '1' : '0';
  for (const auto& wrong :
       {std::string(), std::string("dspy_"), changed, secret + "0", secret.substr(1), "Bearer " + secret,
        std::string("dspy_000000000000_") + secret.substr(18), std::string(200'000, 'a')})
    CHECK(status(fixture.keys, wrong, std::to_string(wrong.size())) == 401);
}

TEST_CASE("the file holds no key, only what it hashes to") {
  const test::Folder folder;
  std::string secret;
  {
    KeyStore keys(folder.path / "keys.sqlite");
    secret = keys.create({.name = "ci", .scopes = {"*"}}).secret.reveal();
  }
  for (const auto& each : std::filesystem::directory_iterator(folder.path)) {
    const auto bytes = read_file(each.path(), 1 << 24);
    CHECK_FALSE(bytes.contains(secret));
    CHECK_FALSE(bytes.contains(secret.substr(secret.size() - 64)));
  }
  KeyStore again(folder.path / "keys.sqlite");
  CHECK(status(again, secret) == 200);
}

TEST_CASE("keys expire, are revoked, and are rotated with an overlap") {
  Fixture fixture;
  auto& keys = fixture.keys;
  const auto expiring = keys.create({.name = "a", .scopes = {"*"}, .expires_at = fixture.clock.wall() + 1h});
  CHECK(status(keys, expiring.secret.reveal()) == 200);
  fixture.clock.advance(1h);
  CHECK(status(keys, expiring.secret.reveal()) == 401);
  CHECK_THROWS_AS(keys.rotate("", expiring.key.id, 1h), Error);

  const auto old = fixture.make({.tokens_per_day = 100});
  const auto next = keys.rotate("acme", old.key.id, 2h);
  CHECK(next.key.family == old.key.family);
  CHECK(next.key.limits == old.key.limits);
  CHECK(next.secret.reveal() != old.secret.reveal());
  CHECK(status(keys, old.secret.reveal()) == 200);
  CHECK(status(keys, next.secret.reveal()) == 200);
  fixture.clock.advance(2h);
  CHECK(status(keys, old.secret.reveal()) == 401);
  CHECK(status(keys, next.secret.reveal()) == 200);

  CHECK_THROWS_AS(keys.revoke("other", next.key.id), Error);
  CHECK_THROWS_AS(keys.rotate("other", next.key.id, 1h), Error);
  CHECK(status(keys, next.secret.reveal()) == 200);
  keys.revoke("acme", next.key.id);
  CHECK(status(keys, next.secret.reveal()) == 401);
  CHECK(keys.list("acme").size() == 2);
  CHECK(keys.list({}).size() == 3);
  CHECK_FALSE(keys.find("other", next.key.id));
}

TEST_CASE("what another process revokes is obeyed within the freshness") {
  Fixture fixture;
  const auto made = fixture.make();
  CHECK(status(fixture.keys, made.secret.reveal()) == 200);
  KeyStore other(fixture.folder.path / "keys.sqlite", {.clock = &fixture.clock});
  other.revoke("acme", made.key.id);
  fixture.clock.advance(1s);
  CHECK(status(fixture.keys, made.secret.reveal()) == 401);
}

TEST_CASE("wrong keys are limited by address, right ones go through") {
  Fixture fixture;
  const auto made = fixture.make();
  for (int i = 0; i < 10; ++i) CHECK(status(fixture.keys, "wrong", "2001:db8:1:2::7") == 401);
  CHECK(status(fixture.keys, "wrong", "2001:db8:1:2::7") == 429);
  CHECK(status(fixture.keys, "wrong", "2001:db8:1:2:ffff::1") == 429);  // the same network
  CHECK(status(fixture.keys, "wrong", "2001:db8:1:3::7") == 401);
  CHECK(status(fixture.keys, made.secret.reveal(), "2001:db8:1:2::7") == 200);
  fixture.clock.advance(6s);
  CHECK(status(fixture.keys, "wrong", "2001:db8:1:2::7") == 401);
}

TEST_CASE("a key asks so many times a minute") {
  Fixture fixture;
  const auto made = fixture.make({.requests_per_minute = 2});
  CHECK(status(fixture.keys, made.secret.reveal()) == 200);
  CHECK(status(fixture.keys, made.secret.reveal()) == 200);
  CHECK(status(fixture.keys, made.secret.reveal()) == 429);
  try {
    fixture.keys.authenticate(made.secret.reveal(), "10.0.0.1");
    FAIL("it was let in");
  } catch (const HttpError& error) {
    CHECK(error.info().retry_after == 30'000ms);
  }
  fixture.clock.advance(30s);
  CHECK(status(fixture.keys, made.secret.reveal()) == 200);
}

TEST_CASE("a budget is kept across requests, rotations, days and processes") {
  Fixture fixture;
  const auto made = fixture.make({.tokens_per_day = 100, .tokens_per_month = 250});
  const Caller caller{.key = made.key.id, .tenant = "acme"};
  spend(fixture.keys, caller, 60);
  CHECK(fixture.keys.spending(made.key).tokens_today == 60);
  {
    const auto charge = fixture.keys.charge(caller);
    CHECK_THROWS_AS(charge->budget()->reserve({.tokens = 41}), Error);
    CHECK_NOTHROW(charge->budget()->reserve({.tokens = 40}));
    // A second request of the key sees what the first one set aside.
    CHECK_THROWS_AS(fixture.keys.charge(caller)->budget()->reserve({.tokens = 1}), Error);
    charge->budget()->settle({.tokens = 40}, {.requests = 1, .prompt_tokens = 40, .completion_tokens = 0});
  }
  CHECK_THROWS_AS(fixture.keys.charge(caller), HttpError);
  const auto next = fixture.keys.rotate("acme", made.key.id, 1h);
  CHECK_THROWS_AS(fixture.keys.charge({.key = next.key.id, .tenant = "acme"}), HttpError);
  {
    KeyStore other(fixture.folder.path / "keys.sqlite", {.clock = &fixture.clock});
    CHECK_THROWS_AS(other.charge({.key = next.key.id, .tenant = "acme"}), HttpError);
  }
  fixture.clock.advance(24h);
  spend(fixture.keys, {.key = next.key.id, .tenant = "acme"}, 100);
  fixture.clock.advance(24h);
  spend(fixture.keys, {.key = next.key.id, .tenant = "acme"}, 50);
  try {
    fixture.clock.advance(24h);
    fixture.keys.charge({.key = next.key.id, .tenant = "acme"});
    FAIL("the month's budget is used up");
  } catch (const HttpError& error) {
    CHECK(error.status() == 429);
    CHECK(std::string(error.what()).contains("month"));
  }
}

TEST_CASE("a budget of money refuses what has no price") {
  Fixture fixture;
  const auto made = fixture.make({.nanodollars_per_day = 1'000});
  const Caller caller{.key = made.key.id, .tenant = "acme"};
  CHECK_THROWS_AS(fixture.keys.charge(caller)->budget()->reserve({.tokens = 1}), Error);
  spend(fixture.keys, caller, 1, 999);
  CHECK(fixture.keys.spending(made.key).nanodollars_today == 999);
  CHECK_THROWS_AS(fixture.keys.charge(caller)->budget()->reserve({.nanodollars = 2}), Error);
}

TEST_CASE("keys without limits are counted as well, and may be held to models") {
  Fixture fixture;
  CHECK(fixture.keys.charge({}) == nullptr);
  const auto made = fixture.keys.create({.name = "m", .scopes = {"invoke"}, .models = {"small", "gpt-*-mini"}});
  const Caller caller{.key = made.key.id};
  spend(fixture.keys, caller, 70);
  spend(fixture.keys, caller, 7);
  CHECK(fixture.keys.spending(made.key).tokens_today == 77);
  CHECK(fixture.keys.spending(made.key).requests_today == 2);
  CHECK(fixture.keys.may_ask(caller, "small"));
  CHECK(fixture.keys.may_ask(caller, "gpt-5.4-mini"));
  CHECK_FALSE(fixture.keys.may_ask(caller, "gpt-5.4"));
  CHECK_FALSE(fixture.keys.may_ask(caller, "smaller"));
  CHECK(fixture.keys.may_ask({.key = fixture.make().key.id}, "anything"));
  CHECK_FALSE(fixture.keys.may_ask({.key = "unknown"}, "anything"));
  // Scopes hold beside it.
  CHECK_FALSE(fixture.keys.may_ask({.key = made.key.id, .scopes = {"invoke", "model:other"}}, "small"));
}

TEST_CASE("a request that was given up counts as what was set aside for it") {
  Fixture fixture;
  const auto made = fixture.make({.tokens_per_day = 1'000});
  {
    const auto charge = fixture.keys.charge({.key = made.key.id});
    charge->budget()->reserve({.tokens = 300});
    charge->budget()->settle({.tokens = 300}, {.requests = 1});
  }
  CHECK(fixture.keys.spending(made.key).tokens_today == 300);
}

TEST_CASE("keys that cannot be are not made") {
  Fixture fixture;
  CHECK_THROWS_AS(fixture.keys.create({.name = " ", .scopes = {"*"}}), Error);
  CHECK_THROWS_AS(fixture.keys.create({.name = "a"}), Error);
  CHECK_THROWS_WITH_AS(fixture.keys.create({.name = "a", .scopes = {"invoke", "trace:read"}}),
                       doctest::Contains("did you mean `traces:read`?"), Error);
  CHECK_THROWS_AS(fixture.keys.create({.name = "a", .scopes = {""}}), Error);
  CHECK_NOTHROW(fixture.keys.create({.name = "a", .scopes = {"model:qa", "invoke"}}));
  CHECK_THROWS_AS(fixture.keys.create({.name = "a", .tenant = "../b", .scopes = {"*"}}), Error);
  CHECK_THROWS_AS(fixture.keys.create({.name = "a", .scopes = {"*"}, .expires_at = fixture.clock.wall()}), Error);
}

TEST_CASE("a file of keys is its owner's alone, also one that was not") {
  const test::Folder folder;
  const auto file = folder.path / "new" / "keys.sqlite";
  const auto rights = [&](const std::filesystem::path& of) { return std::filesystem::status(of).permissions(); };
  using std::filesystem::perms;
  {
    const KeyStore keys(file);
  }
  CHECK(rights(file) == (perms::owner_read | perms::owner_write));
  CHECK(rights(file.parent_path()) == perms::owner_all);
  std::filesystem::permissions(file, perms::group_read | perms::others_read, std::filesystem::perm_options::add);
  {
    const KeyStore keys(file);
  }
  CHECK(rights(file) == (perms::owner_read | perms::owner_write));
}

TEST_CASE("a gate forgets names before it grows") {
  RateGate gate(3);
  FakeClock clock;
  CHECK_FALSE(gate.take("a", 1, clock.now()));
  for (const auto* const name : {"b", "c", "d", "e"}) gate.take(name, 1, clock.now());
  CHECK(matches("*", ""));
  CHECK(matches("a*b*c", "aXXbYYbZc"));
  CHECK_FALSE(matches("a*b*c", "aXXbYYbZ"));
}
