// A stream that is read at the reader's own pace: pieces are pulled one by one, and the writer is
// slowed down while too many are waiting.

#include <dspy/dspy.hpp>

#include <chrono>
#include <cstddef>
#include <iostream>

namespace {

dspy::Async<void> read(const dspy::Predictor& predictor) {
  auto events = dspy::events(predictor, {{"question", "What is 7 * 8 + 5?"}}, {}, 4);
  std::size_t pieces = 0;
  while (const auto piece = co_await events.next()) {
    ++pieces;
    co_await dspy::sleep(std::chrono::milliseconds(1));  // a slow reader
  }
  const auto out = co_await events.result();
  std::cout << (pieces > 1 ? "in pieces: " : "at once: ") << out.at("answer") << '\n';
}

}  // namespace

int main() {
  const auto lm = dspy::lm("llama:models/dspy-tiny.gguf?temperature=0");
  const dspy::Predictor predictor(dspy::Signature::parse("question -> reasoning, answer: int"), {.lm = lm});
  dspy::wait(read(predictor));
}
