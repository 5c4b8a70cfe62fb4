// What providers count in ways of their own.  docs/traps.md lists all traps.

#include "dspy/lm/prices.hpp"
#include "wire.hpp"

#include <cstdint>
#include <optional>

using namespace dspy;
using namespace dspy::test;

namespace {

/// A dollar a million tokens of prompt, two of reply.
constexpr Price price{.prompt = 1'000'000'000, .completion = 2'000'000'000, .cache_read = 100'000'000};

void check_counts(const std::expected<Reply, Error>& reply, std::uint64_t prompt, std::uint64_t completion) {
  REQUIRE(reply.has_value());
  CHECK(reply->usage.requests == 1);
  CHECK(reply->usage.prompt_tokens == prompt);
  CHECK(reply->usage.completion_tokens == completion);
}

}  // namespace

TEST_CASE("Trap 1: Anthropic's usage comes twice in a stream and is cumulative, so it is not added") {
  const auto reply = read_stream(
      "anthropic",
      events({R"({"type": "message_start", "message": {"id": "m", "model": "c", "content": [], "usage":
{"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 5, "output_tokens": 1}}})",
              R"({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})",
              R"({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}})",
              R"({"type": "content_block_stop", "index": 0})",
              R"({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage":
{"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 5, "output_tokens": 4}})",
              R"({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}})",
              R"({"type": "message_stop"})"}));
  check_counts(reply, 115, 7);
  CHECK(reply->usage.cache_read_tokens == 100);
  CHECK(reply->usage.cache_write_tokens == 5);
}

TEST_CASE("Trap 2: Gemini's thoughts are not in its count of the candidates, and cost as much") {
  const std::string usage =
      R"("usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 20, "totalTokenCount": 35})";
  const auto candidate = R"("candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}])";
  for (const bool streamed : {false, true}) {
    CAPTURE(streamed);
    const auto body = std::format("{{{}, {}}}", candidate, usage);
    const auto reply = streamed ? read_stream("gemini", events({body})) : read_body("gemini", body);
    check_counts(reply, 10, 25);
    CHECK(reply->usage.reasoning_tokens == 20);
    CHECK(cost(price, reply->usage) == 10 * 1000 + 25 * 2000);
  }
}

TEST_CASE("Trap 3: usage on a chunk that has choices counts") {
  const auto reply = read_stream(
      "compatible",
      events(
          {R"({"choices": [{"index": 0, "delta": {"content": "Hi"}}], "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}})",
           R"({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}})",
           "[DONE]"}));
  check_counts(reply, 3, 9);
}

TEST_CASE("Trap 4: usage that comes after the reason to finish counts") {
  for (const auto* const provider : {"openai", "compatible", "vllm"}) {
    CAPTURE(provider);
    const auto reply = read_stream(
        provider, events({R"({"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]})",
                          R"({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 9}})", "[DONE]"}));
    check_counts(reply, 3, 9);
  }
}

TEST_CASE("Trap 5: a chunk without choices is not a chunk of the first choice") {
  const auto reply = read_stream(
      "azure", events({R"({"choices": [], "prompt_filter_results": [{"prompt_index": 0}]})",
                       R"({"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]})",
                       R"({"choices": []})", "[DONE]"}));
  REQUIRE(reply.has_value());
  CHECK(reply->text() == "Hi");
  CHECK(reply->completions.size() == 1);
}

TEST_CASE("Complaint: a count that was told twice is not counted twice, and one that was cut short is not short") {
  // LiteLLM 9812, 36168, 42663: the last word about usage is the whole, wherever it stands.
  const auto reply = read_stream(
      "deepseek",
      events(
          {R"({"choices": [{"index": 0, "delta": {"content": "Hi"}}], "usage": {"prompt_tokens": 8, "completion_tokens": 1, "prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 2}})",
           R"({"choices": [{"index": 0, "delta": {"content": "!"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 8, "completion_tokens": 2, "prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 2}})",
           "[DONE]"}));
  check_counts(reply, 8, 2);
  CHECK(reply->usage.cache_read_tokens == 6);
  CHECK(cost(price, reply->usage) == 2 * 1000 + 6 * 100 + 2 * 2000);
}

TEST_CASE("What is told of the prompt adds up: read, written and new tokens are its total") {
  const auto anthropic = read_body(
      "anthropic", R"({"id": "m", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn", "usage":
{"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 5, "output_tokens": 7}})");
  check_counts(anthropic, 115, 7);
  const auto openai =
      read_body("openai",
                R"({"choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}], "usage":
{"prompt_tokens": 115, "completion_tokens": 7, "total_tokens": 122, "prompt_tokens_details": {"cached_tokens": 100}}})");
  check_counts(openai, 115, 7);
  CHECK(openai->usage.cache_read_tokens == anthropic->usage.cache_read_tokens);
}
