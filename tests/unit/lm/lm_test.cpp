#include "dspy/lm/lm.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <thread>
#include <vector>

using namespace dspy;

namespace {

/// Knows nothing of streams, as a provider may.
class PlainLM : public LM {
 public:
  explicit PlainLM(std::string text) : text_(std::move(text)) {}

  std::string_view model() const noexcept override { return "plain"; }
  Async<Reply> complete(Request) override { return reply(text_); }

 private:
  static Async<Reply> reply(std::string text) {
    co_return Reply(Completion{.text = std::move(text), .finish = FinishReason::length},
                    {.requests = 1, .prompt_tokens = 5, .completion_tokens = 2});
  }

  std::string text_;
};

std::shared_ptr<LM> make_plain(const LMUri& uri) {
  std::string text = uri.path;
  for (const auto& [name, value] : uri.options) text.append(" ").append(name).append("=").append(value);
  return std::make_shared<PlainLM>(text);
}

}  // namespace

TEST_CASE("An LM without a stream of its own streams its whole reply as one text") {
  PlainLM lm("Answer: 4");
  std::vector<std::string> events;

  const auto reply = wait(lm.stream({}, [&](const StreamEvent& event) {
    events.push_back(event.kind == StreamEvent::Kind::text ? std::string(event.text) : "(prompt done)");
    CHECK(event.usage.prompt_tokens == 5);
    CHECK(event.usage.completion_tokens == (event.text.empty() ? 0 : 2));
  }));

  CHECK(reply.text() == "Answer: 4");
  CHECK(reply.completion().finish == FinishReason::length);
  CHECK(events == std::vector<std::string>{"(prompt done)", "Answer: 4"});
  CHECK(wait(lm.stream({}, {})).text() == "Answer: 4");
}

TEST_CASE("A stream may be awaited when its LM is gone") {
  auto lm = std::make_optional<PlainLM>("Answer: 4");
  auto streams = lm->stream({}, {});
  lm.reset();

  CHECK(wait(std::move(streams)).text() == "Answer: 4");
}

TEST_CASE("What a stream's sink throws ends the call and reaches the caller") {
  PlainLM lm("x");

  CHECK_THROWS_WITH(wait(lm.stream({}, [](const StreamEvent&) { throw std::runtime_error("enough"); })), "enough");
}

TEST_CASE("lm makes a model of a registered scheme, and hands it path and options") {
  CHECK(register_lm_scheme("plain", make_plain));

  const auto model = lm("plain:some%20path?seed=1&top_k=2");

  CHECK(wait(model->complete({})).text() == "some path seed=1 top_k=2");
}

TEST_CASE("The last registration of a scheme wins") {
  register_lm_scheme("Twice", make_plain);
  register_lm_scheme("twice", [](const LMUri&) -> std::shared_ptr<LM> { return std::make_shared<PlainLM>("second"); });

  CHECK(wait(lm("twice:x")->complete({})).text() == "second");
}

TEST_CASE("An unknown scheme is an error that lists those there are") {
  register_lm_scheme("plain", make_plain);

  const auto result = attempt([] { return lm("plane:x"); });

  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code() == Errc::config_error);
  const std::string_view message = result.error().what();
  CAPTURE(message);
  CHECK(message.starts_with(
      "no part of this program offers language models of the scheme `plane`; did you mean `plain`?"));
  CHECK(message.contains("there is "));
}

TEST_CASE("Schemes can be registered and used by many threads") {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      const auto scheme = "thread" + std::to_string(t);
      for (int i = 0; i < 50; ++i) {
        register_lm_scheme(scheme, make_plain);
        lm(scheme + ":x");
      }
    });
  }
  threads.clear();

  CHECK(wait(lm("thread3:y")->complete({})).text() == "y");
}
