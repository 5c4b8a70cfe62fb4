#include "dspy/llama/llama_lm.hpp"

#include "support.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <thread>
#include <vector>

namespace dspy {
namespace {

using test::ask;
using test::error_of;

struct Fixture {
  test::TempFolder folder;
  std::string file = folder / "random.gguf";
  std::shared_ptr<llama::ModelPool> pool =
      std::make_shared<llama::ModelPool>(llama::ModelPoolOptions{.directories = {folder.path()}});

  Fixture() { test::RandomModel{}.write(file); }

  LlamaLM lm(Sampling sampling = {.max_tokens = 24, .temperature = 0}, llama::EngineOptions engine = {.threads = 1}) {
    return LlamaLM(file, {.sampling = std::move(sampling), .engine = engine, .pool = pool});
  }
};

TEST_CASE_FIXTURE(Fixture, "a greedy reply comes out the same again, with the prompt reused") {
  auto lm = this->lm();

  const auto first = wait(lm.complete(ask("hello")));
  const auto second = wait(lm.complete(ask("hello")));

  CHECK(first.text == second.text);
  CHECK(first.usage.completion_tokens == 24);
  CHECK(first.usage.cached_tokens == 0);
  CHECK(second.usage.cached_tokens == second.usage.prompt_tokens - 1);
}

TEST_CASE_FIXTURE(Fixture, "usage counts the prompt as the tokenizer does") {
  auto lm = this->lm();

  const auto reply = wait(lm.complete(ask("hello there")));

  CHECK(reply.usage.requests == 1);
  CHECK(reply.usage.prompt_tokens == lm.prompt_for(ask("hello there").messages).size());
}

TEST_CASE_FIXTURE(Fixture, "the texts of a stream join to the reply") {
  auto lm = this->lm({.max_tokens = 40, .seed = 5});
  std::string streamed;

  const auto reply = wait(lm.stream(ask("hello"), [&](const StreamEvent& event) { streamed += event.text; }));

  CHECK(streamed == reply.text);
  CHECK(reply.text == wait(lm.complete(ask("hello"))).text);
}

TEST_CASE_FIXTURE(Fixture, "a prompt that does not fit is refused with its size and the limit") {
  auto lm = this->lm({}, {.context_length = 64, .threads = 1});

  const auto error = error_of([&] { wait(lm.complete(ask(std::string(200, 'x')))); });

  CHECK(error.code() == Errc::context_too_long);
  CHECK(error.info().max == 64);
  CHECK(error.info().actual == lm.prompt_for(ask(std::string(200, 'x')).messages).size());
}

TEST_CASE_FIXTURE(Fixture, "a URI names the model and its options") {
  const auto made = dspy::lm("llama:" + file + "?max_tokens=3&temperature=0&threads=1");
  CHECK(wait(made->complete(ask("hello"))).usage.completion_tokens == 3);

  const auto typo = error_of([&] { dspy::lm("llama:" + file + "?temprature=0"); });
  CHECK(typo.code() == Errc::config_error);
  CHECK(std::string(typo.what()) == "a `llama:` URI has no option `temprature`; did you mean `temperature`?");
}

}  // namespace
}  // namespace dspy
