#include "dspy/server/keys/key_store.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/clock.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/budget.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/keys/key.hpp"
#include "dspy/server/keys/scopes.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/spending.hpp"
#include "server/keys/key_rows.hpp"
#include "server/keys/key_text.hpp"
#include "server/keys/rate_gate.hpp"
#include "server/keys/spending.hpp"
#include "server/private_file.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <format>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

using Time = std::chrono::system_clock::time_point;

HttpError wrong_key() {
  return {401,
          Errc::authentication_failed,
          "the key is missing or not valid; show one as `Authorization: Bearer dspy_…`",
          {},
          {{.name = "WWW-Authenticate", .value = "Bearer"}}};
}

HttpError too_many(const std::string& message, std::chrono::milliseconds wait) {
  return {429, Errc::rate_limit_exceeded, message, {.retry_after = wait}};
}

void check_new(const Key& wanted, Time now) {
  if (text::trim(wanted.name).empty()) throw Error(Errc::bad_input, "a key needs a `name`: who or what uses it");
  if (wanted.scopes.empty())
    throw Error(Errc::bad_input, "a key needs `scopes`, such as traces:read; `*` allows everything");
  if (!is_tenant(wanted.tenant))
    throw Error(Errc::bad_input, "a `tenant` is up to 64 letters, digits, `-` and `_`, or nothing");
  if (wanted.expires_at && *wanted.expires_at <= now)
    throw Error(Errc::bad_input, "`expires_at` is in the past; give a later time, or omit it");
}

constexpr auto most_tokens = std::numeric_limits<std::uint64_t>::max();
constexpr auto most_nanodollars = std::numeric_limits<std::int64_t>::max();

/// Limits that nobody reaches, of what a key's limits count.  With them a budget charges the whole reservation for
/// abandoned requests; otherwise a client that hangs up early would pay nothing.
Budget::Limits unreached_limits(const KeyLimits& limits) {
  Budget::Limits out;
  if (limits.tokens_per_day || limits.tokens_per_month) out.tokens = most_tokens;
  if (limits.nanodollars_per_day || limits.nanodollars_per_month) out.nanodollars = most_nanodollars;
  return out;
}

/// What was counted of the one thing that `all` claims entirely: the refusal says it.  Nothing without a limit.
std::uint64_t counted(Budget& budget, const Budget::Claim& all) {
  const auto refused = attempt([&] { budget.reserve(all); });
  return refused ? 0 : refused.error().info().used.value_or(0);
}

Error no_key(const std::string& id) {
  return HttpError(404, Errc::bad_input, std::format("there is no key `{}`", id.substr(0, 64)));
}

}  // namespace

class KeyStore::State {
 public:
  State(const std::filesystem::path& path, const KeyStoreOptions& given)
      : options(given),
        clock(given.clock != nullptr ? *given.clock : Clock::real()),
        rows(private_file(path)),
        spending(clock) {}

  /// As it was at most `freshness` ago.
  std::optional<KeyRow> known(const std::string& id) {
    const auto now = clock.now();
    const auto found = cache.find(id);
    if (found != cache.end() && now - found->second.at < options.freshness) return found->second.row;
    auto row = rows.find(id);
    if (row) {
      cache.insert_or_assign(id, Cached{.row = *row, .at = now});
    } else if (found != cache.end()) {
      cache.erase(found);
    }
    return row;
  }

  /// The key of a tenant; keys of other tenants are not found.
  KeyRow require(const std::string& tenant, const std::string& id) {
    auto row = rows.find(id);
    if (!row || row->key.tenant != tenant) throw no_key(id);
    return *std::move(row);
  }

  CreatedKey add(Key key) {
    auto made = draw_key();
    key.id = made.id;
    if (key.family.empty()) key.family = key.id;
    key.created_at = clock.wall();
    key.last_used.reset();
    key.revoked_at.reset();
    rows.insert({.key = key, .hash = made.hash});
    return {.key = std::move(key), .secret = std::move(made.whole)};
  }

  Caller authenticate(std::string_view presented, std::string_view peer) {
    const std::lock_guard lock(mutex);
    const auto parts = key_parts(presented);
    const auto row = parts ? known(std::string(parts->id)) : std::nullopt;
    const auto wall = clock.wall();
    // A key that is not known is compared as well, so that the time does not tell which ids there are.
    const bool is_right = is_secret_of(parts ? parts->secret : "", row ? row->hash : "");
    if (!row || !is_right || !row->key.is_valid(wall)) {
      const auto wait = failures.take(peer_group(peer), static_cast<double>(options.max_failures), clock.now());
      if (wait) throw too_many("too many wrong keys from this address; wait", *wait);
      throw wrong_key();
    }
    const auto& key = row->key;
    if (key.limits.requests_per_minute) {
      const auto wait = rates.take(key.family, static_cast<double>(*key.limits.requests_per_minute), clock.now());
      if (wait) {
        throw too_many(std::format("this key is limited to {} requests per minute", *key.limits.requests_per_minute),
                       *wait);
      }
    }
    note_use(key, wall);
    return {.key = key.id, .tenant = key.tenant, .scopes = key.scopes};
  }

  KeyStoreOptions options;
  const Clock& clock;
  std::mutex mutex;
  KeyRows rows;
  SpendingBudgets spending;

 private:
  struct Cached {
    KeyRow row;
    Clock::Time at;
  };

  /// To the minute, so that a key in use costs no write a request.
  void note_use(const Key& key, Time wall) {
    if (key.last_used && wall - *key.last_used < std::chrono::minutes(1)) return;
    if (const auto done = attempt([&] { rows.set_used(key.id, wall); }); !done)
      log(LogLevel::warning, "keys", std::format("the last use of a key is not kept: {}", done.error().what()));
    if (const auto found = cache.find(key.id); found != cache.end()) found->second.row.key.last_used = wall;
  }

 public:
  std::unordered_map<std::string, Cached> cache;
  RateGate failures, rates;
};

KeyStore::KeyStore(const std::filesystem::path& path, KeyStoreOptions options)
    : state_(std::make_shared<State>(path, options)) {}
KeyStore::~KeyStore() = default;

CreatedKey KeyStore::create(Key wanted) {
  check_new(wanted, state_->clock.wall());
  require_known_scopes(wanted.scopes, state_->options.scopes);
  const std::lock_guard lock(state_->mutex);
  return state_->add(std::move(wanted));
}

CreatedKey KeyStore::rotate(const std::string& tenant, const std::string& id, std::chrono::seconds overlap) {
  if (overlap.count() < 0) throw Error(Errc::bad_input, "`overlap` is 0 or more");
  const std::lock_guard lock(state_->mutex);
  const auto now = state_->clock.wall();
  const auto old = state_->require(tenant, id).key;
  if (!old.is_valid(now))
    throw Error(Errc::bad_input, std::format("the key `{}` is not valid any more; create a new one", id));
  CreatedKey made;
  state_->rows.transaction([&] {
    auto next = old;
    made = state_->add(std::move(next));
    const auto end = now + overlap;
    if (!old.expires_at || end < *old.expires_at) state_->rows.set_expiry(id, end);
  });
  state_->cache.erase(id);
  return made;
}

void KeyStore::revoke(const std::string& tenant, const std::string& id) {
  const std::lock_guard lock(state_->mutex);
  const auto row = state_->require(tenant, id);
  if (!row.key.revoked_at) state_->rows.set_revoked(id, state_->clock.wall());
  state_->cache.erase(id);
}

std::vector<Key> KeyStore::list(const std::optional<std::string>& tenant) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Key> out;
  for (auto& row : state_->rows.list(tenant)) out.push_back(std::move(row.key));
  return out;
}

std::optional<Key> KeyStore::find(const std::string& tenant, const std::string& id) const {
  const std::lock_guard lock(state_->mutex);
  const auto row = state_->rows.find(id);
  return row && row->key.tenant == tenant ? std::optional(row->key) : std::nullopt;
}

KeySpending KeyStore::spending(const Key& key) const {
  const std::lock_guard lock(state_->mutex);
  return state_->rows.spending(key.family, period_at(state_->clock.wall()));
}

Caller KeyStore::authenticate(std::string_view presented, std::string_view peer) {
  return state_->authenticate(presented, peer);
}

Authenticator KeyStore::authenticator() {
  return [state = state_](const HttpRequest& request) {
    const auto answer = [](std::shared_ptr<State> keys, std::string presented, std::string peer) -> Async<Caller> {
      co_return keys->authenticate(presented, peer);
    };
    return answer(state, presented_key(request.headers), request.peer);
  };
}

bool KeyStore::still_admits(const Caller& caller, const std::string& scope) {
  if (caller.key.empty()) return true;
  const std::lock_guard lock(state_->mutex);
  const auto row = state_->known(caller.key);
  return row && row->key.is_valid(state_->clock.wall()) && may({.scopes = row->key.scopes}, scope);
}

std::shared_ptr<KeyCharge> KeyStore::charge(const Caller& caller) {
  if (caller.key.empty()) return nullptr;
  const std::lock_guard lock(state_->mutex);
  const auto row = state_->known(caller.key);
  if (!row) return nullptr;
  const auto period = period_at(state_->clock.wall());
  const auto family = row->key.family;
  auto budget = state_->spending.begin(row->key, period, state_->rows.spending(family, period));
  const auto own = std::make_shared<Budget>(unreached_limits(row->key.limits));
  return std::make_shared<KeyCharge>(
      std::make_shared<Budget>(std::move(budget), own), [state = state_, own, family, period] {
        const auto used = own->used();
        const std::lock_guard again(state->mutex);
        state->spending.end(family);
        if (used.requests == 0) return;
        const auto tokens = std::max(used.prompt_tokens.value_or(0) + used.completion_tokens.value_or(0),
                                     counted(*own, {.requests = 0, .tokens = most_tokens, .nanodollars = 0}));
        const auto money = std::max(
            used.cost_nanodollars.value_or(0),
            static_cast<std::int64_t>(counted(*own, {.requests = 0, .tokens = 0, .nanodollars = most_nanodollars})));
        const auto kept = attempt([&] { state->rows.add_spending(family, period, used.requests, tokens, money); });
        if (!kept) log(LogLevel::error, "keys", std::format("what a key spent is not kept: {}", kept.error().what()));
      });
}

bool KeyStore::may_ask(const Caller& caller, std::string_view model) const {
  if (caller.key.empty()) return true;
  if (!may_use(caller, model)) return false;
  const std::lock_guard lock(state_->mutex);
  const auto row = state_->known(caller.key);
  if (!row) return false;
  const auto& models = row->key.models;
  return models.empty() ||
         std::ranges::any_of(models, [&](const std::string& pattern) { return matches(pattern, model); });
}

}  // namespace dspy::server
