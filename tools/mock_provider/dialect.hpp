#pragma once

#include "dspy/base/json.hpp"
#include "mock_provider/answer.hpp"
#include "mock_provider/exchange.hpp"
#include "mock_provider/wishes.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::mock {

/// A body as a provider writes it.
struct Written {
  std::vector<std::string> parts = {};
  std::size_t end_parts = 0;  ///< How many of the last are what the protocol ends a stream with.
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// The way one provider speaks.  Bodies are read leniently: it is the client that is tested, by what it makes of
/// replies; what it sends is kept for tests to look at.
struct Dialect {
  std::string_view name;
  Question (*read)(const Request& request, const JsonObject& body);
  Written (*write)(const Question& question, const Answer& answer, const Wishes& wishes);
  std::string (*error)(int status, std::string_view code, std::string_view message);
  /// What stands for an error in the middle of a stream.
  std::string (*stream_error)();
};

const Dialect& openai_chat();
const Dialect& openai_responses();
const Dialect& anthropic();
const Dialect& gemini();
const Dialect& ollama();

/// Embeddings, rankings and lists of models of all of them; nothing for other paths.
std::optional<Written> other_reply(const Request& request, const JsonObject& body, const Wishes& wishes);

// What several of them need.

/// `event: <name>` (left out where empty) and the data on one line.
std::string event(std::string_view name, const Json& data);
/// Texts of a message's content: a string, or parts with a `text`.
std::string text_of(const Json& content);
std::string string_in(const JsonObject& object, std::string_view name);
const JsonObject* object_in(const JsonObject& object, std::string_view name);
const JsonArray* array_in(const JsonObject& object, std::string_view name);
bool flag_in(const JsonObject& object, std::string_view name, bool otherwise = false);
std::optional<std::size_t> count_in(const JsonObject& object, std::string_view name);
Json schema_in(const JsonObject& object, std::string_view name);
/// Adds a message to what is counted, and to what the user said last.
void hear(Question& question, std::string_view role, std::string_view text);

}  // namespace dspy::mock
