#include "models/model_speed.hpp"

#include "dspy/base/wait.hpp"
#include "dspy/llama/engine.hpp"

#include <algorithm>
#include <chrono>
#include <format>
#include <random>
#include <thread>

namespace dspy::app {
namespace {

using Clock = std::chrono::steady_clock;

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Tokens of the vocabulary that stand for text.
std::vector<llama::Token> random_prompt(const llama::Model& model, int length, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<llama::Token> prompt;
  for (int tries = 0; static_cast<int>(prompt.size()) < length; ++tries) {
    const auto token = static_cast<llama::Token>(random() % static_cast<unsigned>(model.vocabulary_size()));
    if (tries > 1000 * length || (!model.piece(token).empty() && !model.ends_reply(token))) prompt.push_back(token);
  }
  return prompt;
}

}  // namespace

ModelSpeed measure_speed(const std::shared_ptr<const llama::Model>& model, const SpeedOptions& options) {
  const int room = model->context_length() > 0 ? model->context_length() : 2048;
  const int prompt = std::min(options.prompt, room / 2);
  const int reply = std::min(options.reply, room / 4);
  llama::Engine engine(model, {.context_length = prompt + reply,
                               .sequences = options.sequences,
                               .reuse = false,
                               .threads = options.threads,
                               .kv_tokens = options.sequences * (prompt + reply)});
  unsigned seed = 0;
  const auto generate = [&](int read, int written) {
    return wait(engine.generate({.prompt = random_prompt(*model, read, ++seed),
                                 .sampling = {.max_tokens = written, .temperature = 0, .repeat_penalty = 1},
                                 .ignores_end = true}));
  };
  generate(prompt, 1);  // touches the weights

  ModelSpeed speed{.threads = engine.options().threads};
  std::vector<double> reading;
  for (int round = 0; round < options.rounds; ++round) {
    const auto start = Clock::now();
    generate(prompt, 1);
    reading.push_back(prompt / std::chrono::duration<double>(Clock::now() - start).count());
  }
  speed.prefill = median(reading);

  // Short prompts, so that it is the writing that is measured.
  for (int sequences = 1; sequences <= options.sequences; sequences *= 2) {
    std::vector<double> writing;
    for (int round = 0; round < options.rounds; ++round) {
      std::vector<std::vector<llama::Token>> prompts;
      for (int i = 0; i < sequences; ++i) prompts.push_back(random_prompt(*model, 4, ++seed));
      const auto before = Clock::now();
      {
        std::vector<std::jthread> callers;
        for (auto& each : prompts)
          callers.emplace_back([&engine, &each, reply] {
            wait(engine.generate({.prompt = std::move(each),
                                  .sampling = {.max_tokens = reply, .temperature = 0, .repeat_penalty = 1},
                                  .ignores_end = true}));
          });
      }
      writing.push_back(sequences * reply / std::chrono::duration<double>(Clock::now() - before).count());
    }
    speed.decode.emplace_back(sequences, median(writing));
  }
  return speed;
}

JsonObject to_json(const ModelSpeed& speed) {
  JsonObject decode;
  for (const auto& [sequences, tokens] : speed.decode) decode[std::format("{}", sequences)] = tokens;
  return {{"threads", speed.threads},
          {"prefill_tokens_per_second", speed.prefill},
          {"decode_tokens_per_second", std::move(decode)}};
}

}  // namespace dspy::app
