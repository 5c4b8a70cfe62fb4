#include "retrieve/kept_vectors.hpp"

#include "dspy/base/hash.hpp"

#include <cstring>
#include <string_view>

namespace dspy {
namespace {

std::string_view bytes_of(const std::vector<float>& vector) noexcept {
  return {reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float)};
}

std::int64_t checksum(std::string_view key, std::string_view bytes) noexcept {
  return static_cast<std::int64_t>(hash_bytes(bytes, hash_bytes(key, 1)));
}

storage::DatabaseOptions file_options() {
  return {.migrations = {"CREATE TABLE vectors (key TEXT PRIMARY KEY, vector BLOB NOT NULL, checksum INTEGER NOT NULL) "
                         "WITHOUT ROWID;"},
          .purpose = "cache of embeddings"};
}

}  // namespace

const std::vector<float>* RecentVectors::find(const std::string& key) {
  const auto found = places_.find(key);
  if (found == places_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second);
  return &found->second->second;
}

void RecentVectors::put(const std::string& key, const std::vector<float>& vector) {
  if (places_.contains(key)) return;
  order_.emplace_front(key, vector);
  places_.emplace(key, order_.begin());
  bytes_ += cost(order_.front());
  while (bytes_ > most_ && !order_.empty()) {
    bytes_ -= cost(order_.back());
    places_.erase(order_.back().first);
    order_.pop_back();
  }
}

std::size_t RecentVectors::cost(const Entry& entry) noexcept {
  constexpr std::size_t around = 200;  // of nodes, and the key twice
  return around + 2 * entry.first.size() + entry.second.size() * sizeof(float);
}

StoredVectors::StoredVectors(const std::filesystem::path& path)
    : database_(path, file_options()),
      find_(database_.prepare("SELECT vector, checksum FROM vectors WHERE key = ?1")),
      put_(database_.prepare("INSERT OR REPLACE INTO vectors (key, vector, checksum) VALUES (?1, ?2, ?3)")) {}

std::optional<std::vector<float>> StoredVectors::find(const std::string& key, std::uint64_t& damaged) {
  find_.reset();
  find_.bind_text(1, key);
  std::optional<std::vector<float>> found;
  if (find_.step()) {
    const auto bytes = find_.bytes(0);
    if (bytes.empty() || bytes.size() % sizeof(float) != 0 || checksum(key, bytes) != find_.integer(1)) {
      ++damaged;
    } else {
      found.emplace(bytes.size() / sizeof(float));
      std::memcpy(found->data(), bytes.data(), bytes.size());
    }
  }
  find_.reset();
  return found;
}

void StoredVectors::put(const std::vector<std::pair<std::string, std::vector<float>>>& entries) {
  database_.transaction([&] {
    for (const auto& [key, vector] : entries)
      put_.bind_text(1, key).bind_bytes(2, bytes_of(vector)).bind(3, checksum(key, bytes_of(vector))).run();
  });
}

}  // namespace dspy
