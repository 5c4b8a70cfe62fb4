#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/secret.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dspy::server {

/// What the holder of a key may use.  Days and months are those of UTC.
struct KeyLimits {
  std::optional<std::uint64_t> requests_per_minute = {};
  std::optional<std::uint64_t> tokens_per_day = {};
  std::optional<std::uint64_t> tokens_per_month = {};
  std::optional<std::int64_t> nanodollars_per_day = {};  ///< A request whose price nobody knows is refused then.
  std::optional<std::int64_t> nanodollars_per_month = {};

  bool has_budget() const noexcept {
    return tokens_per_day || tokens_per_month || nanodollars_per_day || nanodollars_per_month;
  }
  bool operator==(const KeyLimits&) const = default;
};

/// A key to the server, without the secret that its holder shows.
struct Key {
  std::string id = {};  ///< Its part that may be shown: what follows `dspy_`.
  std::string name = {};
  std::string tenant = {};
  std::vector<std::string> scopes = {};  ///< Such as `traces:read`; `*` is all of them.
  std::vector<std::string> models = {};  ///< Programs and models that it may ask, with `*` for any text; empty: all.
  std::string family = {};               ///< Keys that follow each other by rotation share limits and what was spent.
  KeyLimits limits = {};
  std::chrono::system_clock::time_point created_at = {};
  std::optional<std::chrono::system_clock::time_point> expires_at = {};
  std::optional<std::chrono::system_clock::time_point> revoked_at = {};
  std::optional<std::chrono::system_clock::time_point> last_used = {};  ///< To the minute.

  bool is_valid(std::chrono::system_clock::time_point now) const noexcept {
    return !revoked_at && (!expires_at || now < *expires_at);
  }
};

/// A key that was just made: the only time that its secret is known.
struct CreatedKey {
  Key key;
  Secret secret;  ///< The whole of what its holder shows: `dspy_<id>_<64 digits>`.
};

/// What was used of a key's limits.
struct KeySpending {
  std::uint64_t requests_today = 0, requests_this_month = 0;
  std::uint64_t tokens_today = 0, tokens_this_month = 0;
  std::int64_t nanodollars_today = 0, nanodollars_this_month = 0;
};

/// As the API shows it.
JsonObject to_json(const Key& key, const KeySpending& spending);

}  // namespace dspy::server
