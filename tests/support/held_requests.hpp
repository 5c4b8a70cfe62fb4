#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/llama/engine.hpp"
#include "held_reply.hpp"
#include "signatures.hpp"
#include "unit/llama/support.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <format>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// Random contracts, held by models of random weights, really run: whatever they write can be read.

namespace dspy::test {

/// A model that knows nothing, and now and then ends what it writes.
struct NonsenseModel {
  TempFolder folder;
  std::shared_ptr<const llama::Model> model;
  std::vector<llama::TokenBias> bias;

  explicit NonsenseModel(RandomModel::Tokenizer tokenizer) {
    RandomModel{.context_length = 2048, .chat_template = "", .tokenizer = tokenizer}.write(folder / "nonsense.gguf");
    model = llama::Model::load(folder / "nonsense.gguf");
    for (llama::Token token = 0; token < model->vocabulary_size(); ++token) {
      const auto piece = model->piece(token);
      const bool ends = model->ends_reply(token) || piece == "\"" || piece == "]" || piece == "}" || piece == "<" ||
                        piece == "\n" || piece == "[[" || piece == "\":";
      const bool common = piece.size() == 1 && (std::isalnum(static_cast<unsigned char>(piece[0])) != 0);
      if (ends) bias.push_back({token, 4.0F});
      if (common) bias.push_back({token, 1.5F});
    }
  }
};

inline constexpr std::array held_adapters = {"field", "chat", "json", "xml"};

/// A random contract and a random way to choose tokens.
struct HeldRequest {
  std::shared_ptr<const Exchange> exchange;
  llama::Generation work;

  HeldRequest(const NonsenseModel& nonsense, std::uint64_t seed) {
    SignatureMaker maker(seed);
    exchange =
        adapter(held_adapters[seed % held_adapters.size()])->prepare(std::make_shared<const Signature>(maker.make()));
    const bool greedy = seed % 5 == 0;
    work = {.prompt = nonsense.model->tokenize(std::format("Request {}:\n", seed)),
            .sampling = {.max_tokens = 400,
                         .temperature = greedy ? 0.0 : 1.0,
                         .top_p = seed % 3 == 0 ? 0.9 : 1.0,
                         .repeat_penalty = seed % 2 == 0 ? 1.0 : 1.3,
                         .seed = seed},
            .bias = nonsense.bias,
            .contract = exchange->contract()};
  }

  /// What is wrong with a reply; nothing if it can be read as it is.
  std::string fault(const llama::Generated& reply) const {
    const auto out = fault_of_held(*exchange, reply.text, reply.unenforced);
    return out.empty() ? out : out + reply.text;
  }
};

inline void check_alone(RandomModel::Tokenizer tokenizer, std::uint64_t first, int count) {
  const NonsenseModel nonsense(tokenizer);
  llama::Engine engine(nonsense.model, {.reproducible = true, .threads = 1});
  int ended = 0;
  for (int i = 0; i < count; ++i) {
    const auto seed = first + static_cast<std::uint64_t>(i);
    CAPTURE(seed);
    const HeldRequest each(nonsense, seed);
    CAPTURE(to_notation(each.exchange->signature()));

    const auto reply = wait(engine.generate(each.work));
    std::string streamed;
    const auto again = wait(engine.generate(each.work, [&](const StreamEvent& event) { streamed += event.text; }));

    CHECK(each.fault(reply) == "");
    CHECK(streamed == again.text);
    CHECK(each.fault(again) == "");
    CHECK(reply.usage.completion_tokens <= 400);
    ended += reply.finish == FinishReason::stop ? 1 : 0;
  }
  MESSAGE(ended << " of " << count << " ended by themselves");
  CHECK(ended * 2 > count);
}

/// How many tokens the shortest reply takes, as the error says where there are fewer.
inline std::size_t least_of(llama::Engine& engine, llama::Generation work) {
  work.sampling.max_tokens = 1;
  const auto result = attempt([&] { return wait(engine.generate(work)); });
  if (result) return 1;
  REQUIRE(result.error().code() == Errc::invalid_parameter);
  REQUIRE(result.error().info().actual.has_value());
  return *result.error().info().actual;
}

/// Every budget from the least one up, as many as `budgets`, and then ever larger ones.
inline void check_budgets(RandomModel::Tokenizer tokenizer, std::uint64_t first, int count, std::size_t budgets) {
  const NonsenseModel nonsense(tokenizer);
  llama::Engine engine(nonsense.model, {.threads = 1, .speculation = llama::Speculation::on});
  int closed = 0;
  for (int i = 0; i < count; ++i) {
    const auto seed = first + static_cast<std::uint64_t>(i);
    CAPTURE(seed);
    HeldRequest each(nonsense, seed);
    CAPTURE(to_notation(each.exchange->signature()));
    if (i % 2 == 0) each.work.bias.clear();  // goes on and on
    const auto least = least_of(engine, each.work);
    CAPTURE(least);
    if (least > 1) {
      each.work.sampling.max_tokens = static_cast<int>(least - 1);
      CHECK_THROWS_WITH_AS(wait(engine.generate(each.work)), doctest::Contains("raise max_tokens"), Error);
    }
    for (std::size_t more = 0; more < 300; more = more < budgets ? more + 1 : more * 3 / 2 + 1) {
      CAPTURE(more);
      each.work.sampling.max_tokens = static_cast<int>(least + more);
      const auto reply = wait(engine.generate(each.work));
      CAPTURE(reply.text);
      CHECK(each.fault(reply) == "");
      CHECK(reply.usage.completion_tokens <= least + more);
      closed += reply.closed_early.empty() ? 0 : 1;
    }
  }
  MESSAGE(closed << " were closed early");
  CHECK(closed > 0);
}

/// Many at once, some of which are given up: each keeps its own contract.
inline void check_together(RandomModel::Tokenizer tokenizer, std::uint64_t first, std::size_t count) {
  const NonsenseModel nonsense(tokenizer);
  llama::Engine engine(nonsense.model, {.sequences = 12, .threads = 1});
  std::atomic<std::size_t> next = 0;
  std::atomic<int> read = 0;
  std::atomic<int> given_up = 0;
  std::mutex mutex;
  std::string faults;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([&] {
        for (auto i = next++; i < count; i = next++) {
          HeldRequest each(nonsense, first + i);
          std::stop_source stop;
          if (i % 4 == 3) each.work.stop = stop.get_token();
          std::size_t events = 0;
          const auto result = attempt([&] {
            return wait(engine.generate(each.work, [&](const StreamEvent&) {
              if (++events == 2 + i % 7) stop.request_stop();
            }));
          });
          if (!result && result.error().code() == Errc::cancelled) {
            ++given_up;
            continue;
          }
          const auto fault = result ? each.fault(*result) : std::string(result.error().what());
          read += fault.empty() ? 1 : 0;
          if (fault.empty()) continue;
          const std::lock_guard lock(mutex);
          faults += std::format("seed {}: {}\n{}\n", first + i, fault, to_notation(each.exchange->signature()));
        }
      });
    }
  }
  CHECK(faults == "");
  CHECK(given_up > 0);
  CHECK(static_cast<std::size_t>(read + given_up) == count);
}

}  // namespace dspy::test
