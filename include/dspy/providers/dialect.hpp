#pragma once

#include "dspy/signature/json_schema.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace dspy {

/// The protocols that providers speak.
enum class Api : std::uint8_t {
  chat,       ///< OpenAI's Chat Completions, and all that are compatible with it.
  responses,  ///< OpenAI's Responses.
  anthropic,  ///< Messages.
  gemini,     ///< `generateContent`.
  ollama,     ///< Ollama's own `/api/chat`.
};

std::string_view to_string(Api api) noexcept;

/// How one provider uses its protocol: its address, the names of its fields, what it refuses.  Plain data, one entry
/// per provider in `src/providers/dialect.cpp`, with its sources.
struct Dialect {
  using Names = std::array<std::string_view, 3>;

  enum class Structured : std::uint8_t { none, json_object, json_schema };
  /// How a grammar that is not a JSON Schema is asked for.
  enum class Grammars : std::uint8_t { none, vllm, sglang, llama_server };
  enum class Reasoning : std::uint8_t {
    none,
    effort,    ///< `reasoning_effort`.
    detailed,  ///< `reasoning: {effort, max_tokens}`.
  };

  std::string_view name = {};   ///< In model strings, continuations and errors: `openai`.
  std::string_view title = {};  ///< For people: `OpenAI`.
  Api api = Api::chat;

  // Where it is, and who asks.
  std::string_view base_url = {};  ///< Empty: the user has to say.
  Names base_url_variables = {};   ///< Of the environment; the first that is set.
  Names key_variables = {};        ///< The same.
  std::string_view key_header = "Authorization";
  std::string_view key_prefix = "Bearer ";
  bool needs_key = true;

  // Names of fields; empty if there is no such field.
  std::string_view max_tokens = "max_tokens";
  std::string_view seed = "seed";
  std::string_view top_k = {};
  std::string_view min_p = {};
  std::string_view repeat_penalty = {};
  std::string_view repeat_last_n = {};
  std::string_view user = "user";
  std::string_view required_tool = "required";
  std::string_view reasoning_back = {};  ///< Where an earlier turn's thoughts go.

  // What it takes.
  bool several = true;    ///< `n`.
  bool penalties = true;  ///< Of frequency and presence.
  bool developer = false;
  bool files = false;
  bool audio = false;
  bool videos = false;
  bool allowed_tools = false;  ///< Several names in `tool_choice`.
  bool strict_tools = false;   ///< `strict` of a tool.
  bool parallel_tools = true;
  bool cache_key = false;       ///< `prompt_cache_key`.
  bool records = false;         ///< `store`, `metadata` and `service_tier`.
  bool stream_usage = true;     ///< `stream_options`.
  bool ends_with_done = false;  ///< A stream without `[DONE]` is cut, whatever came before.
  int most_stops = 4;
  int most_logprobs = 20;  ///< -1: it tells none.
  Reasoning reasoning = Reasoning::none;
  Structured structured = Structured::json_schema;
  SchemaDialect schema = SchemaDialect::json_schema;
  Grammars grammars = Grammars::none;
};

/// All there are, by name.
std::span<const Dialect> dialects() noexcept;

/// The one that a model string's first word means (`together_ai` is `together`), or null.
const Dialect* find_dialect(std::string_view word) noexcept;

/// Every such word, with its dialect's name: `{"together_ai", "together"}`.
struct DialectWord {
  std::string_view word = {};
  std::string_view dialect = {};
};
std::span<const DialectWord> dialect_words() noexcept;

}  // namespace dspy
