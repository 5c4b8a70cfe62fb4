#pragma once

#include "dspy/storage/database.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

// Where a cache of embeddings keeps vectors, by key.  Neither is safe to use from several threads at once.

namespace dspy {

/// In memory: the vectors that were used last, up to a number of bytes.
class RecentVectors {
 public:
  explicit RecentVectors(std::size_t most) : most_(most) {}

  /// Null if it is not there.
  const std::vector<float>* find(const std::string& key);
  void put(const std::string& key, const std::vector<float>& vector);
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  using Entry = std::pair<std::string, std::vector<float>>;
  static std::size_t cost(const Entry& entry) noexcept;

  std::size_t most_;
  std::list<Entry> order_;
  std::unordered_map<std::string, std::list<Entry>::iterator> places_;
  std::size_t bytes_ = 0;
};

/// In a file, each with a checksum.
class StoredVectors {
 public:
  explicit StoredVectors(const std::filesystem::path& path);

  /// A damaged one counts as absent, and in `damaged`.
  std::optional<std::vector<float>> find(const std::string& key, std::uint64_t& damaged);
  void put(const std::vector<std::pair<std::string, std::vector<float>>>& entries);

 private:
  storage::Database database_;
  storage::Statement find_, put_;
};

}  // namespace dspy
