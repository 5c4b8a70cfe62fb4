#include "retrieve/shared_vectors.hpp"

#include "dspy/base/clock.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/hash.hpp"
#include "dspy/base/log.hpp"
#include "dspy/lm/reply.hpp"
#include "storage/redis_connection.hpp"
#include "storage/resp.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <format>
#include <optional>
#include <string_view>

namespace dspy {
namespace {

using storage::Deadline;
using storage::RedisAddress;
using storage::RedisConnection;
using storage::RespValue;
using namespace std::chrono_literals;

constexpr std::size_t most_at_once = 256;
constexpr std::size_t checksum_bytes = sizeof(std::uint64_t);

std::string name_of(const std::string& key) {
  return "dspy:embedding:" + key;
}

/// A checksum of key and numbers, then the numbers.
std::string record_of(const std::string& key, const std::vector<float>& vector) {
  const std::string_view numbers(reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float));
  const std::uint64_t sum = hash_bytes(numbers, hash_bytes(key, 1));
  std::string out(checksum_bytes, '\0');
  std::memcpy(out.data(), &sum, checksum_bytes);
  return out.append(numbers);
}

std::optional<std::vector<float>> vector_of(const std::string& key, std::string_view record) {
  if (record.size() <= checksum_bytes || (record.size() - checksum_bytes) % sizeof(float) != 0) return {};
  const auto numbers = record.substr(checksum_bytes);
  std::uint64_t sum = 0;
  std::memcpy(&sum, record.data(), checksum_bytes);
  if (sum != hash_bytes(numbers, hash_bytes(key, 1))) return {};
  std::vector<float> out(numbers.size() / sizeof(float));
  std::memcpy(out.data(), numbers.data(), numbers.size());
  return out;
}

}  // namespace

SharedVectors::SharedVectors(const EmbeddingCacheOptions& options)
    : pool_(RedisAddress::parse(options.server, "the embeddings' server")),
      timeout_(options.server_timeout),
      ttl_(options.server_ttl),
      breaker_({.min_calls = 2, .failure_ratio = 0.5, .open_for = 5s, .max_open_for = 60s, .probes = 1},
               "the embeddings' server") {
  if (timeout_ <= 0ms || ttl_ < 0s)
    throw Error(Errc::invalid_parameter,
                "the time for an embeddings' server must be above 0 ms, and its ttl not below 0");
}

std::vector<RespValue> SharedVectors::ask(const std::vector<Command>& commands) {
  const auto& clock = Clock::real();
  Ticket ticket;
  if (!attempt([&] { breaker_.admit({}, clock.now(), ticket); })) return {};
  std::vector<RespValue> answers;
  const auto done = attempt([&] {
    pool_.ask(std::chrono::steady_clock::now() + timeout_, [&](RedisConnection& server, Deadline until) {
      answers = server.ask_all(commands, until);
      const auto failed = std::ranges::find(answers, RespValue::Kind::error, &RespValue::kind);
      if (failed != answers.end())
        throw Error(Errc::io_error, std::format("the embeddings' server says: {}", failed->text));
      return RespValue();
    });
  });
  const Error failure(Errc::unavailable, done ? "" : done.error().what());
  static const Reply fine;
  breaker_.settle(
      ticket,
      {.was_sent = true, .reply = done ? &fine : nullptr, .error = done ? nullptr : &failure, .now = clock.now()});
  if (done) {
    has_told_ = false;
    return answers;
  }
  if (!std::exchange(has_told_, true))
    log(LogLevel::warning, "cache", std::format("embeddings are not shared for a while: {}", done.error().what()));
  return {};
}

std::map<std::string, std::vector<float>> SharedVectors::find(std::span<const std::string> keys,
                                                              std::uint64_t& damaged) {
  std::map<std::string, std::vector<float>> out;
  while (!keys.empty()) {
    const auto some = keys.first(std::min(keys.size(), most_at_once));
    keys = keys.subspan(some.size());
    Command command{"MGET"};
    for (const auto& key : some) command.push_back(name_of(key));
    const auto answers = ask({command});
    if (answers.size() != 1 || answers[0].list.size() != some.size()) return out;
    for (std::size_t i = 0; i < some.size(); ++i) {
      const auto& found = answers[0].list[i];
      if (found.kind != RespValue::Kind::text) continue;
      if (auto vector = vector_of(some[i], found.text)) {
        out.emplace(some[i], *std::move(vector));
      } else {
        ++damaged;
      }
    }
  }
  return out;
}

void SharedVectors::put(std::span<const std::pair<std::string, std::vector<float>>> entries) {
  while (!entries.empty()) {
    const auto some = entries.first(std::min(entries.size(), most_at_once));
    entries = entries.subspan(some.size());
    std::vector<Command> commands;
    for (const auto& [key, vector] : some) {
      commands.push_back({"SET", name_of(key), record_of(key, vector)});
      if (ttl_ > 0s) commands.back().insert(commands.back().end(), {"EX", std::to_string(ttl_.count())});
    }
    if (ask(commands).empty()) return;
  }
}

}  // namespace dspy
