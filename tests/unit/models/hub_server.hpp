#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/sha256.hpp"
#include "mock_provider/exchange.hpp"
#include "mock_provider/server.hpp"

#include <charconv>
#include <cstddef>
#include <format>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace dspy::test {

inline std::string content_of(std::size_t size, char fill = 'x') {
  std::string out = "GGUF";
  for (std::size_t i = out.size(); i < size; ++i) out += static_cast<char>(fill + i % 7);
  return out;
}

/// A hub on this machine: a repository's description, its files by range, a store of its own that redirects lead to.
class Hub {
 public:
  struct Blob {
    std::string bytes = {};
    bool lies = false;  ///< The digest in the description is another.
  };
  std::map<std::string, Blob> files = {};
  std::string revision = "rev1";
  /// What goes wrong with the n-th request for bytes; null: nothing.
  std::function<void(std::size_t count, mock::Reply& reply)> trouble = {};
  std::string token = {};

  std::string url() const { return std::format("http://127.0.0.1:{}", server_.port()); }
  std::vector<mock::Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  mock::Reply answer(const mock::Request& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    if (!token.empty() && !request.path.starts_with("/store/")) {
      const auto found = request.headers.find("authorization");
      if (found == request.headers.end() || found->second != "Bearer " + token) return {.status = 401};
    }
    if (request.path.starts_with("/api/models/o/r")) return described();
    if (request.path.starts_with("/o/r/resolve/")) {
      const auto name = request.path.substr(request.path.rfind('/') + 1);
      if (!files.contains(name)) return {.status = 404};
      return {.status = 302, .headers = {{"Location", "/store/" + name}}};
    }
    if (!request.path.starts_with("/store/")) return {.status = 404};
    auto reply = bytes(request, files.at(request.path.substr(7)).bytes);
    if (trouble) trouble(served_++, reply);
    return reply;
  }

  mock::Reply described() const {
    JsonArray siblings;
    for (const auto& [name, blob] : files) {
      const auto digest = blob.lies ? std::string(64, '0') : sha256(blob.bytes);
      siblings.push_back(
          JsonObject{{"rfilename", name}, {"lfs", JsonObject{{"sha256", digest}, {"size", blob.bytes.size()}}}});
    }
    const JsonObject json{{"sha", revision}, {"tags", JsonArray{"license:mit"}}, {"siblings", std::move(siblings)}};
    return {.headers = {{"Content-Type", "application/json"}}, .parts = {to_text(Json(json))}};
  }

  static mock::Reply bytes(const mock::Request& request, const std::string& all) {
    const auto range = request.headers.find("range");
    if (range == request.headers.end()) return {.headers = {{"ETag", "\"tag\""}}, .parts = {all}};
    std::size_t from = 0;
    std::from_chars(range->second.data() + 6, range->second.data() + range->second.size(), from);
    if (from >= all.size())
      return {.status = 416, .headers = {{"Content-Range", std::format("bytes */{}", all.size())}}};
    return {.status = 206,
            .headers = {{"ETag", "\"tag\""},
                        {"Content-Range", std::format("bytes {}-{}/{}", from, all.size() - 1, all.size())}},
            .parts = {all.substr(from)}};
  }

  mutable std::mutex mutex_;
  std::vector<mock::Request> requests_;
  std::size_t served_ = 0;
  mock::Server server_{0, [this](const mock::Request& request) { return answer(request); }};
};

}  // namespace dspy::test
