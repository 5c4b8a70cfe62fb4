#pragma once

#include "bulk/batch/batch_api.hpp"
#include "dspy/http/transport.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace dspy::bulk {

/// Answers requests from replies that came, and keeps those that have none.  Thread-safe.
class BatchTransport final : public http::Transport {
 public:
  BatchTransport();
  ~BatchTransport() override;

  /// Throws `Error` (`unavailable`) for a request without a reply, which is kept.
  Async<http::Streamed> open(http::Request request) override;

  void add(BatchAnswer answer);
  /// Forgets what was kept.
  void clear();

  /// Requests that one URL was asked.
  struct Kept {
    http::Request sample = {};
    std::map<std::string, std::string> bodies = {};  ///< By key.
  };
  std::map<std::string, Kept> kept() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// What a request is known by: a digest of URL path and body.
std::string batch_key(const http::Request& request);

}  // namespace dspy::bulk
