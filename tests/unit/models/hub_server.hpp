#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/sha256.hpp"
#include "mock_provider/exchange.hpp"
#include "mock_provider/server.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <format>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
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
    bool lies = false;                            ///< The digest in the description is another.
    std::optional<std::uint64_t> told_size = {};  ///< In the description.
  };
  std::map<std::string, Blob> files = {};
  std::string revision = "rev1";
  std::string license = "MIT License\n\nAll of it.";  ///< Of the registry's models.
  /// What goes wrong with the n-th request for bytes; null: nothing.
  std::function<void(std::size_t count, mock::Reply& reply)> trouble = {};
  std::string token = {};
  std::string answers_moved = {};  ///< Where the description is by now; empty: where it is asked for.
  std::string store_url = {};      ///< Of the store that redirects lead to; empty: here.
  bool links_digests = false;      ///< The hub says a file's digest where it redirects.
  bool knows_not_modified = true;  ///< Answers 304.
  bool heeds_if_range = true;

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
    if (request.path == "/api/models/o/r" && !answers_moved.empty())
      return {.status = 307, .headers = {{"Location", answers_moved}}};
    if (request.path.starts_with("/api/models/o/")) return described();
    if (request.path.starts_with("/o/r/resolve/")) {
      const auto name = request.path.substr(request.path.rfind('/') + 1);
      if (!files.contains(name)) return {.status = 404};
      mock::Reply reply{.status = 302, .headers = {{"Location", store_url + "/store/" + name}}};
      if (links_digests) reply.headers.emplace_back("X-Linked-ETag", '"' + sha256(files.at(name).bytes) + '"');
      return reply;
    }
    if (request.path.starts_with("/v2/")) return from_registry(request);
    if (!request.path.starts_with("/store/") || !files.contains(request.path.substr(7))) return {.status = 404};
    auto reply = bytes(request, files.at(request.path.substr(7)).bytes);
    if (trouble) trouble(served_++, reply);
    return reply;
  }

  /// The same files as a registry has them: the first is the model.
  mock::Reply from_registry(const mock::Request& request) const {
    if (request.path.contains("/manifests/")) {
      const auto layer = [](std::string_view kind, const std::string& bytes) {
        return JsonObject{{"mediaType", std::format("application/vnd.ollama.image.{}", kind)},
                          {"digest", "sha256:" + sha256(bytes)},
                          {"size", bytes.size()}};
      };
      JsonArray layers{layer("model", files.begin()->second.bytes), layer("license", license)};
      return {.parts = {to_text(JsonObject{{"layers", std::move(layers)}})}};
    }
    const auto wanted = request.path.substr(request.path.rfind(':') + 1);
    if (wanted == sha256(license)) return {.parts = {license}};
    for (const auto& [name, blob] : files) {
      if (wanted == sha256(blob.bytes)) return bytes(request, blob.bytes);
    }
    return {.status = 404};
  }

  mock::Reply described() const {
    JsonArray siblings;
    for (const auto& [name, blob] : files) {
      const auto digest = blob.lies ? std::string(64, '0') : sha256(blob.bytes);
      const auto size = blob.told_size.value_or(blob.bytes.size());
      siblings.push_back(JsonObject{{"rfilename", name}, {"lfs", JsonObject{{"sha256", digest}, {"size", size}}}});
    }
    const JsonObject json{{"sha", revision}, {"tags", JsonArray{"license:mit"}}, {"siblings", std::move(siblings)}};
    return {.headers = {{"Content-Type", "application/json"}}, .parts = {to_text(Json(json))}};
  }

  mock::Reply bytes(const mock::Request& request, const std::string& all) const {
    const auto etag = '"' + sha256(all).substr(0, 16) + '"';
    const auto said = [&](const char* name) {
      const auto found = request.headers.find(name);
      return found == request.headers.end() ? std::string() : found->second;
    };
    if (knows_not_modified && said("if-none-match") == etag) return {.status = 304, .headers = {{"ETag", etag}}};
    const auto range = said("range"), of = said("if-range");
    if (range.empty() || (heeds_if_range && !of.empty() && of != etag))
      return {.headers = {{"ETag", etag}}, .parts = {all}};
    std::size_t from = 0;
    std::from_chars(range.data() + 6, range.data() + range.size(), from);
    if (from >= all.size())
      return {.status = 416, .headers = {{"Content-Range", std::format("bytes */{}", all.size())}}};
    return {
        .status = 206,
        .headers = {{"ETag", etag}, {"Content-Range", std::format("bytes {}-{}/{}", from, all.size() - 1, all.size())}},
        .parts = {all.substr(from)}};
  }

  mutable std::mutex mutex_;
  std::vector<mock::Request> requests_;
  std::size_t served_ = 0;
  mock::Server server_{0, [this](const mock::Request& request) { return answer(request); }};
};

}  // namespace dspy::test
