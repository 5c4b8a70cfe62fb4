#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace dspy {

/// In US dollars for a million tokens; negative: unknown.
struct ListedPrice {
  std::string_view model;
  double prompt, completion, cache_read, cache_write;
  std::uint64_t up_to;  ///< Prompt tokens above which another price holds; 0: none is known.
};

// A community's list of prices (BerriAI/litellm, model_prices_and_context_window.json), as it was on this day.  They
// were not checked against the providers' own pages.
constexpr std::string_view price_list_date = "2026-08-06";

// clang-format off
constexpr auto price_list = std::to_array<ListedPrice>({
    {"gpt-5.6", 5, 30, 0.5, 6.25, 272'000},
    {"gpt-5.6-sol", 5, 30, 0.5, 6.25, 272'000},
    {"gpt-5.6-terra", 2, 12, 0.2, -1, 0},
    {"gpt-5.6-luna", 0.2, 1.2, 0.02, -1, 0},
    {"gpt-5.5", 5, 30, 0.5, -1, 0},
    {"gpt-5.5-pro", 30, 180, 3, -1, 0},
    {"gpt-5.4", 2.5, 15, 0.25, -1, 0},
    {"gpt-5.4-mini", 0.75, 4.5, 0.075, -1, 0},
    {"gpt-5.4-nano", 0.2, 1.25, 0.02, -1, 0},
    {"gpt-5.2", 1.75, 14, 0.175, -1, 0},
    {"gpt-5.1", 1.25, 10, 0.125, -1, 0},
    {"gpt-5", 1.25, 10, 0.125, -1, 0},
    {"gpt-5-mini", 0.25, 2, 0.025, -1, 0},
    {"gpt-5-nano", 0.05, 0.4, 0.005, -1, 0},
    {"gpt-4.1", 2, 8, 0.5, -1, 0},
    {"gpt-4.1-mini", 0.4, 1.6, 0.1, -1, 0},
    {"gpt-4.1-nano", 0.1, 0.4, 0.025, -1, 0},
    {"gpt-4o", 2.5, 10, 1.25, -1, 0},
    {"gpt-4o-mini", 0.15, 0.6, 0.075, -1, 0},
    {"o3", 2, 8, 0.5, -1, 0},
    {"o4-mini", 1.1, 4.4, 0.275, -1, 0},
    {"claude-opus-5", 5, 25, 0.5, 6.25, 0},
    {"claude-opus-4-8", 5, 25, 0.5, 6.25, 0},
    {"claude-opus-4-7", 5, 25, 0.5, 6.25, 0},
    {"claude-opus-4-6", 5, 25, 0.5, 6.25, 0},
    {"claude-opus-4-5", 5, 25, 0.5, -1, 0},
    {"claude-sonnet-5", 2, 10, 0.2, 2.5, 0},
    {"claude-sonnet-4-6", 3, 15, 0.3, 3.75, 0},
    {"claude-sonnet-4-5", 3, 15, 0.3, -1, 200'000},
    {"claude-haiku-4-5", 1, 5, 0.1, 1.25, 0},
    {"claude-fable-5", 10, 50, 1, 12.5, 0},
    {"claude-mythos-5", 10, 50, 1, 12.5, 0},
    {"gemini-3.6-flash", 1.5, 7.5, 0.15, -1, 0},
    {"gemini-3.5-flash", 1.5, 9, 0.15, -1, 0},
    {"gemini-3.5-flash-lite", 0.3, 2.5, 0.03, -1, 0},
    {"gemini-3.1-pro-preview", 2, 12, 0.2, -1, 200'000},
    {"gemini-3.1-flash-lite", 0.25, 1.5, 0.025, -1, 0},
    {"gemini-3-flash-preview", 0.5, 3, 0.05, -1, 0},
    {"gemini-2.5-pro", 1.25, 10, 0.125, -1, 200'000},
    {"gemini-2.5-flash", 0.3, 2.5, 0.03, -1, 0},
    {"gemini-2.5-flash-lite", 0.1, 0.4, 0.01, -1, 0},
    {"grok-4.5", 2, 6, 0.5, -1, 200'000},
    {"grok-4.3", 1.25, 2.5, 0.2, -1, 0},
    {"deepseek-chat", 0.28, 0.42, 0.028, -1, 0},
    {"kimi-k2.6", 0.95, 4, 0.16, -1, 0},
    {"kimi-k2.5", 0.6, 3, 0.1, -1, 0},
    {"mistral-large-3", 0.5, 1.5, -1, -1, 0},
    {"mistral-medium-3-5", 1.5, 7.5, -1, -1, 0},
    {"mistral-small-latest", 0.06, 0.18, -1, -1, 0},
    {"codestral-2508", 0.3, 0.9, -1, -1, 0},
    {"groq/openai/gpt-oss-120b", 0.15, 0.6, 0.075, -1, 0},
    {"groq/openai/gpt-oss-20b", 0.075, 0.3, 0.0375, -1, 0},
    {"groq/llama-3.3-70b-versatile", 0.59, 0.79, -1, -1, 0},
    {"cerebras/gpt-oss-120b", 0.35, 0.75, -1, -1, 0},
    {"qwen3.7-max", 2.5, 7.5, 0.5, -1, 0},
    {"glm-5.1", 1.4, 4.4, 0.26, -1, 0},
    {"command-a-03-2025", 2.5, 10, -1, -1, 0},
});
// clang-format on

}  // namespace dspy
