// A provider's stream that is read at the reader's own pace: pieces are pulled one by one, and the provider is held up
// through its connection while too many are waiting.  It is the local mock provider.

#include <dspy/dspy.hpp>
#include <mock_provider/mock_provider.hpp>

#include <chrono>
#include <cstddef>
#include <iostream>

namespace {

dspy::Async<void> read(const dspy::Predictor& predictor) {
  constexpr std::size_t most_waiting = 4;
  auto events = dspy::events(predictor, {{"question", "What is 7 * 8 + 5?"}}, {}, most_waiting);
  std::size_t pieces = 0;
  while (const auto piece = co_await events.next()) {
    ++pieces;
    co_await dspy::sleep(std::chrono::milliseconds(1));  // a slow reader
  }
  const auto out = co_await events.result();
  std::cout << (pieces > 10 ? "in many pieces: " : "at once: ") << out.at("answer") << '\n';
}

}  // namespace

int main() {
  const dspy::mock::MockProvider provider(
      {.wishes = {{"reply", "Reasoning: 7 times 8 is 56, and 5 more are 61.\nAnswer: 61"}, {"delta-bytes", "3"}}});
  const auto lm = dspy::lm("compatible/any?base_url=" + provider.url("/v1"));
  const dspy::Predictor predictor(dspy::Signature::parse("question -> reasoning, answer: int"), {.lm = lm});
  dspy::wait(read(predictor));
}
