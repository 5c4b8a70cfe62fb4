#pragma once

#include "dspy/base/json.hpp"
#include "storage/resp.hpp"
#include "support/fake_stores/rows.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <format>
#include <map>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace dspy::test {

/// A Redis with search, on a free port of this machine, that answers by a plain loop.
class FakeRedis {
 public:
  explicit FakeRedis(std::string password = {}, bool has_search = true)
      : password_(std::move(password)), has_search_(has_search), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("no port for a server");
    port_ = ntohs(address.sin_port);
    accepting_ = std::jthread([this](const std::stop_token& stop) { accept_until(stop); });
  }
  ~FakeRedis() {
    accepting_.request_stop();
    accepting_.join();
    clients_.clear();
    ::close(listener_);
  }
  FakeRedis(const FakeRedis&) = delete;
  FakeRedis& operator=(const FakeRedis&) = delete;

  std::string uri(std::string_view rest) const { return std::format("redis://127.0.0.1:{}/{}", port_, rest); }
  /// Each connection is closed before the answer to its next command.
  void drop_all() { drops_ = true; }
  /// What was sent, a command a line.
  std::vector<std::string> sent() {
    const std::scoped_lock lock(mutex_);
    return sent_;
  }

 private:
  using Words = std::vector<std::string>;
  using Hash = std::map<std::string, std::string>;

  static bool is_ready(int socket, const std::stop_token& stop) {
    pollfd one{.fd = socket, .events = POLLIN, .revents = 0};
    while (!stop.stop_requested())
      if (::poll(&one, 1, 20) > 0) return true;
    return false;
  }

  void accept_until(const std::stop_token& stop) {
    while (is_ready(listener_, stop)) {
      const int client = ::accept(listener_, nullptr, nullptr);
      clients_.emplace_back([this, client](const std::stop_token& ending) {
        serve(client, ending);
        ::close(client);
      });
    }
  }

  void serve(int client, const std::stop_token& stop) {
    storage::RespReader reader;
    std::array<char, 65'536> buffer;
    std::vector<Words> queued;
    bool is_queueing = false, is_known = password_.empty();
    while (is_ready(client, stop)) {
      const auto got = ::recv(client, buffer.data(), buffer.size(), 0);
      if (got <= 0) return;
      reader.feed({buffer.data(), static_cast<std::size_t>(got)});
      std::string out;
      while (const auto command = reader.next()) {
        Words words;
        for (const auto& word : command->list) words.push_back(word.text);
        if (drops_.exchange(false)) return;
        const std::scoped_lock lock(mutex_);
        sent_.push_back(line(words));
        if (words[0] == "AUTH") {
          is_known = words.back() == password_;
          out += is_known ? "+OK\r\n" : "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
        } else if (!is_known) {
          out += "-NOAUTH Authentication required.\r\n";
        } else if (words[0] == "MULTI") {
          is_queueing = true;
          out += "+OK\r\n";
        } else if (words[0] == "EXEC") {
          is_queueing = false;
          out += std::format("*{}\r\n", queued.size());
          for (const auto& each : queued) out += answer(each);
          queued.clear();
        } else if (is_queueing) {
          queued.push_back(words);
          out += "+QUEUED\r\n";
        } else {
          out += answer(words);
        }
      }
      for (std::string_view left = out; !left.empty();) {
        const auto sent = ::send(client, left.data(), left.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;
        left.remove_prefix(static_cast<std::size_t>(sent));
      }
    }
  }

  static std::string line(const Words& words) {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : " ") + (word.size() > 200 ? "…" : word);
    return out;
  }
  static std::string bulk(std::string_view text) { return std::format("${}\r\n{}\r\n", text.size(), text); }
  static std::string number(std::size_t count) { return std::format(":{}\r\n", count); }

  std::string answer(const Words& words) {
    const auto& name = words[0];
    if (name == "SELECT") return "+OK\r\n";
    if (name == "GET") return texts_.contains(words[1]) ? bulk(texts_[words[1]]) : "$-1\r\n";
    if (name == "SET") return texts_.emplace(words[1], words[2]).second ? "+OK\r\n" : "$-1\r\n";
    if (name == "DEL") {
      std::size_t count = 0;
      for (std::size_t i = 1; i < words.size(); ++i) count += hashes_.erase(words[i]);
      return number(count);
    }
    if (name == "HSET") {
      for (std::size_t i = 2; i + 1 < words.size(); i += 2) hashes_[words[1]][words[i]] = words[i + 1];
      return number((words.size() - 2) / 2);
    }
    if (name == "HMGET") return fields(words);
    if (!name.starts_with("FT.") || !has_search_) return std::format("-ERR unknown command '{}'\r\n", name);
    if (name == "FT.CREATE") return created(words);
    if (index_.empty()) return "-Unknown Index name\r\n";
    if (name == "FT.SEARCH") return searched(words);
    if (name == "FT.AGGREGATE") return aggregated(words);
    if (name == "FT.CURSOR") return page(std::stoul(words[3]), std::stoul(words[5]));
    return std::format("-ERR unknown command '{}'\r\n", name);
  }

  std::string fields(const Words& words) {
    auto out = std::format("*{}\r\n", words.size() - 2);
    const auto found = hashes_.find(words[1]);
    for (std::size_t i = 2; i < words.size(); ++i)
      out += found == hashes_.end() || !found->second.contains(words[i]) ? "$-1\r\n" : bulk(found->second.at(words[i]));
    return out;
  }

  std::string created(const Words& words) {
    if (!index_.empty()) return "-Index already exists\r\n";
    index_ = words[1];
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
      if (words[i] == "PREFIX") prefix_ = words[i + 2];
      if (words[i] == "DISTANCE_METRIC")
        metric_ = words[i + 1] == "COSINE" ? FakeMetric::cosine
                  : words[i + 1] == "IP"   ? FakeMetric::dot
                                           : FakeMetric::square;
    }
    return "+OK\r\n";
  }

  static std::vector<float> floats(const std::string& bytes) {
    std::vector<float> out(bytes.size() / sizeof(float));
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }

  FakeRows rows() const {
    FakeRows out;
    for (const auto& [key, hash] : hashes_) {
      if (!key.starts_with(prefix_)) continue;
      FakeRow row{.id = key, .vector = floats(hash.at("vector")), .passage = hash.at("passage")};
      const auto tags = hash.at("facts") + ",";
      for (FakeReader reader(tags); !reader.is_at_end();) row.facts.insert(reader.until(','));
      for (const auto& [name, value] : hash)
        if (name.starts_with("number")) row.numbers[name] = std::stod(value);
      out.emplace(key, std::move(row));
    }
    return out;
  }

  static FakeCondition condition(FakeReader& reader) {
    std::vector<FakeCondition> parts;
    bool is_any = false;
    reader.expect("(");
    while (!reader.takes(")")) {
      is_any = reader.takes("|") || is_any;
      const bool is_negated = reader.takes("-");
      auto part = single(reader);
      parts.push_back(is_negated ? [part](const FakeRow& row) { return !part(row); } : part);
    }
    return is_any ? any_of(std::move(parts)) : all_of(std::move(parts));
  }

  static FakeCondition single(FakeReader& reader) {
    if (reader.takes("@facts:{")) {
      const auto fact = reader.until('}');
      return [fact](const FakeRow& row) { return row.facts.contains(fact); };
    }
    if (!reader.takes("@")) return condition(reader);
    const auto name = reader.name();
    reader.expect(":[");
    const bool without_low = reader.takes("(");
    const auto low = reader.number();
    const bool without_high = reader.takes("(");
    const auto high = reader.number();
    reader.expect("]");
    return [=](const FakeRow& row) {
      const auto found = row.numbers.find(name);
      if (found == row.numbers.end()) return false;
      return (without_low ? found->second > low : found->second >= low) &&
             (without_high ? found->second < high : found->second <= high);
    };
  }

  static std::size_t place(const Words& words, std::string_view word) {
    return static_cast<std::size_t>(std::ranges::find(words, word) - words.begin());
  }

  std::string searched(const Words& words) {
    FakeReader reader(words[2]);
    const auto filter = condition(reader);
    const auto all = rows();
    if (!reader.takes("=>[KNN")) {
      std::vector<std::string> keys;
      for (const auto& [key, row] : all)
        if (filter(row)) keys.push_back(key);
      const auto shown = std::min<std::size_t>(keys.size(), std::stoul(words[place(words, "LIMIT") + 2]));
      auto out = std::format("*{}\r\n{}", shown + 1, number(keys.size()));
      for (std::size_t i = 0; i < shown; ++i) out += bulk(keys[i]);
      return out;
    }
    const auto k = static_cast<std::size_t>(reader.number());
    const auto found = nearest(all, filter, metric_, floats(words[place(words, "PARAMS") + 3]), k);
    auto out = std::format("*{}\r\n{}", 2 * found.size() + 1, number(found.size()));
    const bool with_vector = words[place(words, "RETURN") + 1] == "3";
    for (const auto& [measure, row] : found) {
      const auto score = std::format("{}", metric_ == FakeMetric::square ? measure : 1 - measure);
      out += bulk(row->id) + std::format("*{}\r\n", with_vector ? 6 : 4) + bulk("score") + bulk(score) +
             bulk("passage") + bulk(row->passage);
      if (with_vector) out += bulk("vector") + bulk(hashes_.at(row->id).at("vector"));
    }
    return out;
  }

  std::string aggregated(const Words& words) {
    FakeReader reader(words[2]);
    const auto filter = condition(reader);
    auto& waiting = cursors_[++last_cursor_];
    for (const auto& [key, row] : rows())
      if (filter(row)) waiting.push_back(key);
    with_vectors_ = words[4] == "2";
    return page(last_cursor_, std::stoul(words[place(words, "COUNT") + 1]));
  }

  std::string page(std::size_t cursor, std::size_t count) {
    if (!cursors_.contains(cursor)) return "-Cursor not found, id: 0\r\n";
    auto& waiting = cursors_[cursor];
    const auto shown = std::min(count, waiting.size());
    auto out = std::format("*2\r\n*{}\r\n{}", shown + 1, number(shown));
    for (std::size_t i = 0; i < shown; ++i) {
      const auto& hash = hashes_.at(waiting[i]);
      out += std::format("*{}\r\n", with_vectors_ ? 4 : 2) + bulk("passage") + bulk(hash.at("passage"));
      if (with_vectors_) out += bulk("vector") + bulk(hash.at("vector"));
    }
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(shown));
    const bool is_done = waiting.empty();
    if (is_done) cursors_.erase(cursor);
    return out + number(is_done ? 0 : cursor);
  }

  std::string password_;
  bool has_search_;
  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> drops_ = false;
  std::mutex mutex_;
  std::map<std::string, std::string> texts_;
  std::map<std::string, Hash> hashes_;
  std::string index_, prefix_;
  FakeMetric metric_ = FakeMetric::cosine;
  std::map<std::size_t, std::vector<std::string>> cursors_;
  std::size_t last_cursor_ = 0;
  bool with_vectors_ = false;
  std::vector<std::string> sent_;
  std::vector<std::jthread> clients_;
  std::jthread accepting_;
};

}  // namespace dspy::test
