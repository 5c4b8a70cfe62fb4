#pragma once

#include "dspy/base/clock.hpp"
#include "dspy/lm/budget.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/keys/key.hpp"
#include "dspy/server/routes.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {

struct KeyStoreOptions {
  std::size_t max_failures = 10;  ///< Wrong keys that one address may show in a minute; further ones get 429.
  /// For how long a key that was looked up is taken to be unchanged: a process that revokes one is obeyed after it.
  std::chrono::milliseconds freshness = std::chrono::seconds(1);
  std::vector<std::string> scopes = {};  ///< Of endpoints of your own, beside `known_scopes`.
  const Clock* clock = nullptr;          ///< Null: the process's own.  Else it outlives the store.
};

/// A request's reservation; its actual spending is recorded on destruction.
class KeyCharge {
 public:
  KeyCharge(std::shared_ptr<Budget> budget, std::function<void()> settle)
      : budget_(std::move(budget)), settle_(std::move(settle)) {}
  ~KeyCharge() {
    if (settle_) settle_();
  }
  KeyCharge(const KeyCharge&) = delete;
  KeyCharge& operator=(const KeyCharge&) = delete;

  /// For `CallContext::budget`.
  const std::shared_ptr<Budget>& budget() const noexcept { return budget_; }

 private:
  std::shared_ptr<Budget> budget_;
  std::function<void()> settle_;
};

/// Keys to the server in one SQLite file, which holds their SHA-256 and never a key.  Their spending is stored there
/// too, so a budget outlives the process.  Thread-safe; several processes may have the file open.
class KeyStore {
 public:
  /// Throws `Error` (`io_error`) if the file cannot be opened.
  explicit KeyStore(const std::filesystem::path& path, KeyStoreOptions options = {});
  ~KeyStore();
  KeyStore(const KeyStore&) = delete;
  KeyStore& operator=(const KeyStore&) = delete;

  /// `wanted` says name, tenant, scopes, models, limits and expiry, and the family if it is to share another key's
  /// limits; the rest is set.  Throws `Error` (`bad_input`) for a blank name, no scopes or one that there is not, a
  /// tenant that is not a name, or an expiry in the past.
  CreatedKey create(Key wanted);
  /// A new key that replaces one, which stays valid for `overlap`.  Throws `Error` (`bad_input`) if there is none, or
  /// it is no longer valid.
  CreatedKey rotate(const std::string& tenant, const std::string& id, std::chrono::seconds overlap);
  /// Throws `Error` (`bad_input`) if there is none.
  void revoke(const std::string& tenant, const std::string& id);
  /// Of one tenant, or of all; the newest first.
  std::vector<Key> list(const std::optional<std::string>& tenant) const;
  std::optional<Key> find(const std::string& tenant, const std::string& id) const;
  KeySpending spending(const Key& key) const;

  /// Who shows `presented`.  Throws `HttpError`: 401 for a wrong, expired or revoked key, 429 (with `Retry-After`) for
  /// one that asks too often, or an address that showed too many wrong ones.
  Caller authenticate(std::string_view presented, std::string_view peer);
  /// Reads `Authorization: Bearer …` or `x-api-key`.  Refers to the store.
  Authenticator authenticator();

  /// Whether the caller's key is valid still, and has the scope.
  bool still_admits(const Caller& caller, const std::string& scope);

  /// For one request of a caller, whose spending is counted when the result is destroyed.  Null for a caller without
  /// a key.  Throws `HttpError` (429) if its budget is used up.
  std::shared_ptr<KeyCharge> charge(const Caller& caller);
  /// Whether the caller's key may ask the program or model of that name: its `models` and its scopes `model:NAME` both
  /// hold.
  bool may_ask(const Caller& caller, std::string_view model) const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace dspy::server
