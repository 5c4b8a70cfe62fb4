#pragma once

#include "dspy/server/keys/key.hpp"
#include "dspy/storage/database.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

/// A key as it is kept.
struct KeyRow {
  Key key = {};
  std::string hash = {};  ///< SHA-256 of the secret part, in hexadecimal.
};

/// The days and months by which spending is counted: `d2026-11-29`, `m2026-11`.
struct Period {
  std::string day = {};
  std::string month = {};

  bool operator==(const Period&) const = default;
};
Period period_at(std::chrono::system_clock::time_point now);

/// The file of a key store (docs/formats/keys.md).  For one thread at a time.
class KeyRows {
 public:
  explicit KeyRows(const std::filesystem::path& path);

  void insert(const KeyRow& row);
  std::optional<KeyRow> find(const std::string& id);
  std::vector<KeyRow> list(const std::optional<std::string>& tenant);
  void set_expiry(const std::string& id, std::chrono::system_clock::time_point at);
  void set_revoked(const std::string& id, std::chrono::system_clock::time_point at);
  void set_used(const std::string& id, std::chrono::system_clock::time_point at);
  /// All of `work`, or nothing of it.
  void transaction(const std::function<void()>& work) { database_.transaction(work); }

  void add_spending(const std::string& family, const Period& period, std::uint64_t requests, std::uint64_t tokens,
                    std::int64_t nanodollars);
  KeySpending spending(const std::string& family, const Period& period);

 private:
  storage::Database database_;
  storage::Statement find_, used_, spend_, spent_;
};

}  // namespace dspy::server
