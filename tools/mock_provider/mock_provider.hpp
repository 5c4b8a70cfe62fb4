#pragma once

#include "mock_provider/exchange.hpp"
#include "mock_provider/wishes.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::mock {

struct MockOptions {
  std::uint16_t port = 0;         ///< 0: any that is free.
  WishList wishes = {};           ///< For every request that does not say otherwise.
  std::uint64_t seed = 0;         ///< Of the faults that are drawn.
  double fault_rate = 0;          ///< How many of the requests get one, from 0 to 1.
  std::string required_key = {};  ///< Requests without it get status 401; none is asked for if empty.
  std::function<void(const Request&, const Reply&)> log = {};  ///< Called on the server's thread.
};

/// A server on 127.0.0.1 that speaks as OpenAI (`/v1/chat/completions`, `/v1/responses`), Anthropic (`/v1/messages`),
/// Gemini (`/v1beta/models/…`) and Ollama (`/api/chat`) do, embeddings and rankings included, and goes wrong as it is
/// asked to (`Wishes`).  Runs until it is destroyed.  Thread-safe.
class MockProvider {
 public:
  explicit MockProvider(MockOptions options = {});
  ~MockProvider();
  MockProvider(const MockProvider&) = delete;
  MockProvider& operator=(const MockProvider&) = delete;

  std::uint16_t port() const noexcept;
  /// `http://127.0.0.1:<port>` and `path`.
  std::string url(std::string_view path = "") const;

  /// The next requests are answered with these, one each; what they do not name is as for any other.
  void next(WishList wishes);
  /// Replies to be said in turn, from a JSON file: an array of texts, or of objects whose members are names of wishes.
  /// Throws `Error` (`io_error`, `parse_error`, `invalid_parameter`).
  void load_script(const std::string& file);

  /// What was asked, in order; the last thousand.
  std::vector<Request> requests() const;
  std::uint64_t request_count() const noexcept;
  std::size_t connections() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dspy::mock
