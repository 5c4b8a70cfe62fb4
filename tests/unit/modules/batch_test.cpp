#include "dspy/modules/batch.hpp"

#include "dspy/adapters/field_adapter.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <vector>

using namespace dspy;

namespace {

struct Twice {
  static constexpr auto instructions = "Double the number.";
  struct Input {
    int number;
  };
  struct Output {
    int twice;
  };
};

struct Pause {
  static constexpr auto instructions = "How long is the pause?";
  struct Input {
    int number;
  };
  struct Output {
    std::chrono::seconds length;
  };
};

std::string last_line(const Request& request) {
  return request.messages.back().text();
}

/// Doubles the first number of the question; refuses 13.
std::shared_ptr<ScriptedLM> doubling() {
  return std::make_shared<ScriptedLM>([](const Request& request) {
    const auto text = last_line(request);
    const auto number = std::stoi(text.substr(text.find(": ") + 2));
    if (number == 13) throw Error(Errc::rate_limit_exceeded, "not now");
    return "Twice: " + std::to_string(2 * number);
  });
}

/// Takes a while, and counts how many calls it has at once.
class SlowLM final : public LM {
 public:
  std::string_view model() const noexcept override { return "slow"; }
  Async<Reply> complete(Request) override {
    most_at_once = std::max(most_at_once, ++at_once);
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, std::chrono::milliseconds(2));
    co_await timer.async_wait(boost::asio::use_awaitable);
    --at_once;
    co_return Reply(Completion{.text = "Answer: yes"});
  }

  int at_once = 0;
  int most_at_once = 0;
};

std::vector<JsonObject> numbers(std::initializer_list<int> values) {
  std::vector<JsonObject> out;
  for (const auto value : values) out.push_back({{"number", value}});
  return out;
}

}  // namespace

TEST_CASE("A batch answers each question in its place") {
  const Predict<Twice> twice({.lm = doubling()});
  const std::vector<Twice::Input> inputs = {{.number = 5}, {.number = 1}, {.number = 300}, {.number = 1}};
  std::vector<std::size_t> progress;

  const auto answers = twice.batch(inputs, {.progress = [&](std::size_t done, std::size_t total) {
                                     CHECK(total == 4);
                                     progress.push_back(done);
                                   }});

  REQUIRE(answers.size() == 4);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    REQUIRE(answers[i].has_value());
    CHECK(answers[i]->twice == 2 * inputs[i].number);
    CHECK(answers[i]->usage().requests == 1);
  }
  CHECK(progress == std::vector<std::size_t>{1, 2, 3, 4});
  CHECK(twice.batch({}).empty());
}

TEST_CASE("A call that fails is an error in its place, and the others go on") {
  const Predict twice("number: int -> twice: int", {.lm = doubling()});
  auto inputs = numbers({1, 13, 2});
  inputs.push_back({{"wrong", 1}});

  const auto answers = twice.batch(inputs);

  REQUIRE(answers.size() == 4);
  CHECK(answers[0]->at("twice") == 2);
  CHECK(answers[1].error().code() == Errc::rate_limit_exceeded);
  CHECK(answers[2]->at("twice") == 4);
  CHECK(answers[3].error().code() == Errc::bad_input);
}

TEST_CASE("An answer that cannot be converted to the typed output is an error in its place, and the others stay") {
  const auto lm = std::make_shared<ScriptedLM>(
      [](const Request& request) { return last_line(request).contains("13") ? "Length: PT0.5S" : "Length: PT2S"; });
  const Predict<Pause> pause({.lm = lm});
  const std::vector<Pause::Input> inputs = {{.number = 1}, {.number = 13}, {.number = 1}};

  const auto answers = pause.batch(inputs);

  REQUIRE(answers.size() == 3);
  CHECK(answers[0]->length == std::chrono::seconds(2));
  CHECK_FALSE(answers[1].has_value());  // a duration, but not in whole seconds
  CHECK(answers[2]->length == std::chrono::seconds(2));
}

TEST_CASE("Each prompt of a batch is written once") {
  struct Counting final : Adapter {
    std::shared_ptr<const Adapter> real = std::make_shared<FieldAdapter>();
    mutable int written = 0;

    struct Counted final : Exchange {
      std::shared_ptr<const Exchange> real;
      int* written;

      Counted(std::shared_ptr<const Signature> signature, std::shared_ptr<const Exchange> from, int* count)
          : Exchange(std::move(signature)), real(std::move(from)), written(count) {}
      Chat format(const JsonObject& inputs, std::span<const Example> history) const override {
        ++*written;
        return real->format(inputs, history);
      }
      using Exchange::parse;
      std::expected<Reading, Unreadable> parse(const Completion& text) const override { return real->parse(text); }
      std::unique_ptr<FieldStream> open_stream() const override { return real->open_stream(); }
      OutputContract contract() const override { return real->contract(); }
    };

    std::string_view name() const noexcept override { return "counting"; }
    std::shared_ptr<const Exchange> prepare(std::shared_ptr<const Signature> signature,
                                            std::span<const Example> demos) const override {
      auto from = real->prepare(signature, demos);
      return std::make_shared<Counted>(std::move(signature), std::move(from), &written);
    }
  };
  for (const bool ordered : {true, false}) {
    CAPTURE(ordered);
    const auto adapter = std::make_shared<Counting>();
    const Predict twice("number: int -> twice: int", {.lm = doubling(), .adapter = adapter});

    const auto answers = twice.batch(numbers({3, 1, 2}), {.orders_by_prompt = ordered});

    CHECK(answers[0]->at("twice") == 6);
    CHECK(answers[2]->at("twice") == 4);
    CHECK(adapter->written == 3);
  }
}

TEST_CASE("After too many failures no more calls are begun") {
  const auto lm = doubling();
  const Predict twice("number: int -> twice: int", {.lm = lm});

  const auto answers =
      twice.batch(numbers({1, 13, 2, 13, 3, 4}), {.concurrency = 1, .max_errors = 2, .orders_by_prompt = false});

  CHECK(answers[2].has_value());
  CHECK(answers[3].error().code() == Errc::rate_limit_exceeded);
  for (const auto i : {4, 5}) {
    CHECK(answers[static_cast<std::size_t>(i)].error().code() == Errc::cancelled);
    CHECK(std::string_view(answers[static_cast<std::size_t>(i)].error().what()).contains("max_errors"));
  }
  CHECK(lm->requests().size() == 2);  // that were answered
}

TEST_CASE("No more calls are under way than allowed, and as many as allowed are") {
  const auto lm = std::make_shared<SlowLM>();
  const Predict quick("question -> answer", {.lm = lm});
  const std::vector<JsonObject> inputs(20, {{"question", "?"}});

  CHECK(
      std::ranges::all_of(quick.batch(inputs, {.concurrency = 7}), [](const auto& each) { return each.has_value(); }));
  CHECK(lm->most_at_once == 7);
  const auto refused = attempt([&] { return quick.batch(inputs, {.concurrency = 0}); });
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == Errc::invalid_parameter);
}

TEST_CASE("A batch that is stopped begins no more calls") {
  std::stop_source stop;
  std::atomic<int> asked = 0;
  const auto lm = std::make_shared<ScriptedLM>([&](const Request&) {
    if (++asked == 2) stop.request_stop();
    return std::string("Answer: yes");
  });
  const Predict quick("question -> answer", {.lm = lm});

  const auto answers = quick.batch(std::vector<JsonObject>(5, {{"question", "?"}}),
                                   {.concurrency = 1, .call = {.stop = stop.get_token()}});

  CHECK(answers[0].has_value());
  CHECK(asked == 2);
  CHECK(answers[4].error().code() == Errc::cancelled);
}

TEST_CASE("Calls whose prompts begin alike follow each other, unless that is not wanted") {
  for (const bool ordered : {true, false}) {
    CAPTURE(ordered);
    const auto lm = std::make_shared<ScriptedLM>([](const Request&) { return std::string("Answer: yes"); });
    const Predict first(Signature::parse("question -> answer", "First task."), {.lm = lm});
    const Predict second(Signature::parse("question -> answer", "Second task."), {.lm = lm});
    std::vector<BatchCall> calls;
    for (const auto* question : {"b", "a"}) {
      calls.push_back({.predictor = second, .inputs = {{"question", question}}});
      calls.push_back({.predictor = first, .inputs = {{"question", question}}});
    }

    const auto answers = batch(calls, {.concurrency = 1, .orders_by_prompt = ordered});

    CHECK(std::ranges::all_of(answers, [](const auto& each) { return each.has_value(); }));
    std::vector<std::string> asked;
    for (const auto& request : lm->requests())
      asked.push_back(request.messages[0].text().substr(0, 1) + request.messages[1].text().substr(10, 1));
    CHECK(asked == (ordered ? std::vector<std::string>{"Fa", "Fb", "Sa", "Sb"}
                            : std::vector<std::string>{"Sb", "Fb", "Sa", "Fa"}));
  }
}
