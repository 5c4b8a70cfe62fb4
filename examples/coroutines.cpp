// Coroutines without Asio: calls at the same time, a call in the background, a computation that does not block the
// event loop, and a wait that ends when it is stopped.

#include <dspy/dspy.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <format>
#include <iostream>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

namespace {

using namespace std::chrono_literals;

std::string answer(const dspy::Prediction& prediction) {
  return std::string(dspy::view(prediction.at("answer").as_string()));
}

/// Asks both questions at once.  If one fails, the other is cancelled.
dspy::Async<std::string> waters_of(dspy::Predict<> ask, std::string city) {
  auto [river, sea] = co_await dspy::when_all(ask.acall({{"question", "Which river flows through " + city + "?"}}),
                                              ask.acall({{"question", "Which sea is nearest to " + city + "?"}}));
  co_return std::format("{}: {}, {}", city, answer(river), answer(sea));
}

/// Counts on another thread, and continues on this one.
dspy::Async<std::size_t> count_words(std::string text) {
  co_return co_await dspy::on_cpu([&] { return static_cast<std::size_t>(std::ranges::count(text, ' ')) + 1; });
}

}  // namespace

int main() {
  const dspy::Predict ask("question -> answer",
                          {.lm = std::make_shared<dspy::ScriptedLM>([](const dspy::Request& request) -> std::string {
                             return request.messages.back().text().contains("river") ? "Answer: the Tiber"
                                                                                     : "Answer: the Tyrrhenian Sea";
                           })});

  // `wait` is the way from ordinary code into a coroutine.
  const auto text = dspy::wait(waters_of(ask, "Rome"));
  std::cout << text << '\n';

  // `spawn` starts a call in the background and returns a future.
  auto later = dspy::spawn(ask.acall({{"question", "Which river flows through Rome?"}}));
  std::cout << dspy::wait(count_words(text)) << " words\n";
  std::cout << answer(later.get()) << '\n';

  // `until` cancels what it runs when it is asked to stop.
  std::stop_source stop;
  auto nap = dspy::spawn(dspy::until(dspy::sleep(1h), stop.get_token()));
  stop.request_stop();
  const auto ended = dspy::attempt([&] { nap.get(); });
  std::cout << dspy::to_string(ended.error().code()) << '\n';
}
