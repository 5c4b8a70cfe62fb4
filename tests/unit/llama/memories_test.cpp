// Models that do not look back on all tokens: windows that slide, and states.
#include "dspy/llama/llama_lm.hpp"
#include "support.hpp"
#include "support/random_memories.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <format>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace dspy::llama {
namespace {

using test::error_of;

LlamaLM lm_of(const std::string& file, EngineOptions engine = {}, Kernels kernels = Kernels::automatic) {
  engine.threads = 1;
  return LlamaLM(file, {.sampling = {.max_tokens = 12, .temperature = 0, .logprobs = 1},
                        .engine = engine,
                        .model = {.gpu_layers = test::gpu_layers(), .kernels = kernels}});
}

/// The sum of the likelihoods that a reply was written with, and the reply.
std::pair<std::string, double> told(const Reply& reply) {
  double sum = 0;
  for (const auto& token : reply.completions.front().logprobs) sum += token.logprob;
  return {reply.text(), sum};
}

std::string filler(int words) {
  std::string text;
  for (int i = 0; i < words; ++i) text += std::format("word{} ", i * 7 % 31);
  return text;
}

void check_alike(const std::string& file, EngineOptions options) {
  auto fresh = lm_of(file, {.sequences = 1, .reuse = false, .kv_type = options.kv_type});
  auto lm = lm_of(file, options);
  const auto start = filler(60);
  std::vector<Request> requests;
  for (const std::string_view end : {"Who?", "Where to, and why?", "Who?", "When?"})
    requests.push_back(test::ask(start + std::string(end)));
  requests.push_back(test::ask("Short."));

  std::vector<std::pair<std::string, double>> alone;
  for (const auto& request : requests) alone.push_back(told(wait(fresh.complete(request))));
  CHECK(alone[0] != alone[1]);
  for (int round = 0; round < 2; ++round) {
    std::vector<Reply> replies(requests.size());
    {
      std::vector<std::jthread> callers;
      for (std::size_t i = 0; i < requests.size(); ++i)
        callers.emplace_back([&, i] { replies[i] = wait(lm.complete(requests[i])); });
    }
    for (std::size_t i = 0; i < requests.size(); ++i) {
      CAPTURE(i);
      const auto [text, sum] = told(replies[i]);
      CHECK(text == alone[i].first);
      CHECK(std::abs(sum - alone[i].second) < 0.01);
    }
  }
}

TEST_CASE("a model whose window slides shares prompts longer than that, and says the same") {
  const test::TempFolder folder;
  test::window_model(32).write(folder / "window.gguf");
  check_alike(folder / "window.gguf", {});
  auto lm = lm_of(folder / "window.gguf");
  wait(lm.complete(test::ask(filler(60))));
  CHECK(*wait(lm.complete(test::ask(filler(60)))).usage.cache_read_tokens > 64);
}

TEST_CASE("a model whose window slides says the same with smaller keys and values, alone and in a batch") {
  const test::TempFolder folder;
  test::window_model(32).write(folder / "window.gguf");
  check_alike(folder / "window.gguf", {.kv_type = KvType::q8_0});
}

TEST_CASE("own attention sees of a window what the library's sees, in every format of keys and values") {
  const test::TempFolder folder;
  test::window_model(32).write(folder / "window.gguf");
  const auto request = test::ask(filler(60));
  // The library rounds questions too, where keys are rounded.
  for (const auto& [type, allowed] : {std::pair(KvType::f32, 1e-4), std::pair(KvType::f16, 1e-4),
                                      std::pair(KvType::q8_0, 0.01), std::pair(KvType::q4_0, 0.03)}) {
    CAPTURE(static_cast<int>(type));
    const auto likelihood = [&](Kernels kernels) {
      auto lm = lm_of(folder / "window.gguf", {.kv_type = type}, kernels);
      return wait(lm.likelihood(request, "word9 word16 word23, and so on.")).logprob;
    };
    CHECK(likelihood(Kernels::automatic) == doctest::Approx(likelihood(Kernels::library)).epsilon(allowed));
  }
}

TEST_CASE("prompts of a model whose window slides go to host memory and come back as they were") {
  const test::TempFolder folder;
  test::window_model(32).write(folder / "window.gguf");
  auto fresh = lm_of(folder / "window.gguf", {.sequences = 1, .reuse = false});
  auto lm = lm_of(folder / "window.gguf", {.context_length = 600, .sequences = 1, .kv_tokens = 768});
  std::vector<Request> requests;
  for (const std::string_view begin : {"First. ", "Second. ", "Third. "})
    requests.push_back(test::ask(std::string(begin) + filler(60)));
  for (int round = 0; round < 2; ++round) {
    for (const auto& request : requests) {
      const auto [text, sum] = told(wait(lm.complete(request)));
      const auto [wanted, wanted_sum] = told(wait(fresh.complete(request)));
      CHECK(text == wanted);
      CHECK(std::abs(sum - wanted_sum) < 0.01);
    }
  }
  CHECK(lm.engine().stats().stored_tokens > 0);
  CHECK(lm.engine().stats().restored_tokens > 0);
}

TEST_CASE("a prompt in host memory that another left half-way comes back as it was") {
  const test::TempFolder folder;
  test::window_model(32).write(folder / "window.gguf");
  auto fresh = lm_of(folder / "window.gguf", {.sequences = 1, .reuse = false});
  auto lm = lm_of(folder / "window.gguf", {.sequences = 1});
  const auto first = test::ask("Alike. " + filler(60));
  wait(lm.complete(first));
  for (const std::string_view begin : {"Second. ", "Third. "})
    wait(lm.complete(test::ask(std::string(begin) + filler(60))));
  REQUIRE(lm.engine().stats().stored_tokens > 0);
  const auto second = test::ask("Alike. But not for long.");
  for (const auto& [request, is_known] : {std::pair(second, false), std::pair(first, true), std::pair(second, true)}) {
    const auto reply = wait(lm.complete(request));
    const auto [text, sum] = told(reply);
    const auto [wanted, wanted_sum] = told(wait(fresh.complete(request)));
    CHECK(text == wanted);
    CHECK(std::abs(sum - wanted_sum) < 0.01);
    // The last one is computed again, for its scores.
    CHECK((*reply.usage.cache_read_tokens == *reply.usage.prompt_tokens - 1) == is_known);
  }
  CHECK(lm.engine().stats().evicted_tokens == 0);
}

void check_states(const std::string& file) {
  check_alike(file, {});
  auto lm = lm_of(file);
  auto fresh = lm_of(file, {.reuse = false});
  int count = 0;
  for (const std::string_view end : {"Who?", "When?", "Where to?", "Who?"}) {
    const auto request = test::ask(filler(60) + std::string(end));
    const auto reply = wait(lm.complete(request));
    const auto [text, sum] = told(reply);
    const auto [wanted, wanted_sum] = told(wait(fresh.complete(request)));
    CHECK(text == wanted);
    CHECK(std::abs(sum - wanted_sum) < 0.01);
    // What two have in common is known to the third.
    CHECK((*reply.usage.cache_read_tokens > 100) == (++count > 2));
  }

  const auto error = error_of([&] { wait(lm.engine().pin(lm.prompt_for(test::ask("Hello.").messages))); });
  CHECK(error.code() == Errc::invalid_parameter);
  CHECK(std::string_view(error.what()).contains("cannot be shared in parts"));
}

TEST_CASE("a model with a state says the same alone and in a batch, from its start and from a state that was kept") {
  const test::TempFolder folder;
  test::state_model().write(folder / "state.gguf");
  check_states(folder / "state.gguf");
}

TEST_CASE("no start of a prompt is dropped to make it fit, and a reply ends where the context does") {
  const test::TempFolder folder;
  test::RandomModel{.context_length = 1024}.write(folder / "small.gguf");
  auto lm = lm_of(folder / "small.gguf", {.context_length = 64});
  CHECK(error_of([&] { wait(lm.complete(test::ask(filler(60)))); }).code() == Errc::context_too_long);
  auto request = test::ask("Hi.");
  request.sampling.max_tokens = 1000;
  const auto reply = wait(lm.complete(request));
  if (reply.completions.front().finish == FinishReason::length)
    CHECK(*reply.usage.prompt_tokens + *reply.usage.completion_tokens <= 65);
  CHECK(error_of([] {
          static_cast<void>(lm_from_uri(LMUri{.scheme = "llama", .path = "x", .options = {{"context_shift", "on"}}}));
        }).code() == Errc::config_error);
}

}  // namespace
}  // namespace dspy::llama
