#pragma once

#include "dspy/base/json.hpp"
#include "dspy/http/transport.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What the batch APIs of providers look like on the wire.  No I/O here.

namespace dspy::bulk {

/// One request of a batch, by a key of at most 64 letters, digits, `-` and `_`.
struct BatchItem {
  std::string key = {};
  std::string body = {};  ///< JSON, as it would be sent alone.
};

/// What became of one.
struct BatchAnswer {
  std::string key = {};
  int status = 0;         ///< As if it had been sent alone.
  std::string body = {};  ///< The same.
};

struct BatchState {
  enum class Kind : std::uint8_t { running, ended, failed };

  Kind kind = Kind::running;
  std::string said = {};                  ///< In the provider's words.
  std::vector<std::string> results = {};  ///< URLs of the answers, if they are elsewhere.
  std::vector<BatchAnswer> answers = {};  ///< If they are here.
};

/// Sends one request and returns the body.  Throws `Error`.
using Send = std::function<std::string(http::Request request)>;

/// The batch API of one provider.  `sample` is an ordinary request: its URL gives the provider's address, its headers
/// and credentials the identity.
struct BatchApi {
  std::string_view name = {};
  /// Returns the batch's id.  `mark` is sent to the provider, if it supports such a label.
  std::string (*submit)(const http::Request& sample, const std::vector<BatchItem>& items, const std::string& mark,
                        const Send& send) = nullptr;
  BatchState (*state)(const http::Request& sample, const std::string& id, const Send& send) = nullptr;
  /// Reads a file of answers.
  std::vector<BatchAnswer> (*read)(std::string_view text) = nullptr;
};

/// By the URL of a request: OpenAI's Chat Completions and Responses, Anthropic's Messages, Gemini's `generateContent`.
/// Throws `Error` (`unsupported`) for another.
const BatchApi& batch_api_of(std::string_view url);

extern const BatchApi openai_batches;
extern const BatchApi anthropic_batches;
extern const BatchApi gemini_batches;

/// `sample` with another path behind the origin, another method and body.
http::Request like(const http::Request& sample, std::string_view method, std::string url, std::string body = {});
/// A URL's origin: `https://host:port`.
std::string origin_of(std::string_view url);
/// The JSON object that a provider sent.  Throws `Error` (`unavailable`).
JsonObject object_of(std::string_view text);
std::string text_in(const JsonObject& object, std::string_view name);
const JsonObject* object_in(const JsonObject& object, std::string_view name);
/// Calls for each line that holds an object.
void each_object(std::string_view lines, const std::function<void(const JsonObject& object)>& visit);

}  // namespace dspy::bulk
