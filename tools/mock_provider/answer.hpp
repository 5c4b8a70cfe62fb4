#pragma once

#include "dspy/base/json.hpp"
#include "mock_provider/wishes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dspy::mock {

struct Tool {
  std::string name = {};
  Json parameters = {};  ///< A JSON Schema.
};

/// What is asked, whichever way a provider writes it.
struct Question {
  std::string model = {};
  std::string text = {};       ///< Of all messages, for counting.
  std::string last_user = {};  ///< The last message of the user.
  bool is_stream = false;
  bool wants_usage = true;  ///< In a stream, where one asks for it.
  std::size_t n = 1;
  std::optional<std::size_t> most_tokens = {};
  std::optional<Json> schema = {};
  std::vector<Tool> tools = {};
  bool must_call = false;  ///< Some tool.
  std::string must_call_this = {};
  bool has_tool_results = false;
  std::uint64_t number = 0;  ///< Of the request, from 1.
};

struct ToolCall {
  std::string id = {};
  std::string name = {};
  std::string arguments = {};  ///< JSON, if nobody wished something else.
};

struct Answer {
  std::string text = {};
  std::string reasoning = {};
  std::vector<ToolCall> calls = {};
  std::string finish = "stop";  ///< As in `Wishes`.
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;  ///< With those of the reasoning.
  std::int64_t reasoning_tokens = 0;
};

/// The same question and wishes give the same answer: what is wished, else a call of the tool that must be called, else
/// a value of the schema, else what the user said last.
Answer answer(const Question& question, const Wishes& wishes);

/// A quarter of the bytes, rounded up.
std::int64_t count_tokens(std::string_view text) noexcept;

/// `text` in pieces of about `bytes`, between characters.
std::vector<std::string> deltas(std::string_view text, std::size_t bytes);

/// Stands in texts where a byte that is not UTF-8 is to be, until they are written.
inline constexpr std::string_view bad_byte_mark = "\uE000";

}  // namespace dspy::mock
