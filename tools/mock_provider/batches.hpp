#pragma once

#include "mock_provider/exchange.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace dspy::mock {

/// The batch APIs of OpenAI (`/v1/files`, `/v1/batches`), Anthropic (`/v1/messages/batches`) and Gemini
/// (`:batchGenerateContent`).  A batch is done when it was asked about twice; its requests are answered as if each had
/// come alone.  Thread-safe.
class Batches {
 public:
  using Answer = std::function<Reply(const Request& request)>;

  /// Nothing for other paths.  `answer` is asked for each request of a batch, when its answers are fetched.
  std::optional<Reply> serve(const Request& request, const Answer& answer);

 private:
  std::optional<Reply> openai(const Request& request, const Answer& answer);
  std::optional<Reply> anthropic(const Request& request, const Answer& answer);
  std::optional<Reply> gemini(const Request& request, const Answer& answer);
  /// Whether a batch is done; counts how often it was asked about.
  bool is_done(const std::string& id);

  std::mutex mutex_;
  std::size_t made_ = 0;
  std::map<std::string, std::string> files_;  ///< Requests, by a file's or a batch's id.
  std::map<std::string, std::string> paths_;  ///< Of a batch's requests, where the batch says it once.
  std::map<std::string, std::size_t> asked_;
};

}  // namespace dspy::mock
