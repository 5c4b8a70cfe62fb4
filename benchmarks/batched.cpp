// Tokens a second of 1 to 32 replies that are written at once, side by side with llama-batched-bench on the same file,
// threads, prompts' length and replies' length.
//
// Runs alternate; the ratio of each pair is taken before the median.  Ours counts all that an engine does: sampling,
// queue, texts.

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "support/measure.hpp"
#include "support/programs.hpp"
#include "support/usage.hpp"

#include <utility>

namespace {

using namespace dspy;
using namespace dspy::bench;

constexpr std::string_view usage_text = R"(usage: bench-batched [--threads N] [--rounds N] [--most N] [FILE]

Tokens a second of 1 to 32 replies at once, by LlamaLM and by llama-batched-bench.

  --threads N   threads of both (1)
  --rounds N    runs of both; their medians are printed (3)
  --most N      up to so many replies at once (32)
  FILE          a model, *.gguf (the embedded one: models/dspy-tiny.gguf)
)";

constexpr int prompt_tokens = 128;
constexpr int reply_tokens = 64;

struct Settings {
  std::string file = "models/dspy-tiny.gguf";
  int threads = 1;
  int rounds = 3;
  int most = 32;
};

/// Of `count` replies, all of whose prompts are read before.
double our_rate(const Settings& settings, int count) {
  LlamaLM lm(settings.file, {.engine = {.context_length = prompt_tokens + reply_tokens,
                                        .sequences = count,
                                        .threads = settings.threads,
                                        .speculation = llama::Speculation::off,
                                        .kv_tokens = count * (prompt_tokens + reply_tokens)},
                             .model = {.gpu_layers = 0}});
  auto& engine = lm.engine();
  std::vector<std::jthread> callers;
  for (int i = 0; i < count; ++i)
    callers.emplace_back([&, i] {
      wait(engine.generate({.prompt = random_tokens(prompt_tokens, static_cast<std::uint64_t>(i)),
                            .sampling = {.max_tokens = reply_tokens + 1, .temperature = 0},
                            .ignores_end = true}));
    });
  // From the step that has read the last prompt to the one that writes the last token.
  const auto all_read = static_cast<std::uint64_t>(count) * prompt_tokens;
  const auto wait_for = [&](auto done) {
    while (!done(engine.stats())) std::this_thread::sleep_for(std::chrono::microseconds(200));
    return std::pair(Clock::now(), engine.stats());
  };
  const auto [begin, before] = wait_for([&](const llama::EngineStats& stats) { return stats.step_tokens >= all_read; });
  callers.clear();
  const auto [end, after] =
      wait_for([&](const llama::EngineStats& stats) { return stats.completed >= static_cast<std::uint64_t>(count); });
  return static_cast<double>(after.step_tokens - before.step_tokens) / seconds(end - begin);
}

std::optional<double> their_rate(const Settings& settings, int count) {
  const auto cells = count * (prompt_tokens + reply_tokens);
  const auto text =
      output_of({"llama-batched-bench", "-m", settings.file, "-t", std::to_string(settings.threads), "-ngl", "0", "-c",
                 std::to_string(std::max(cells, 256)), "-npp", std::to_string(prompt_tokens), "-ntg",
                 std::to_string(reply_tokens), "-npl", std::to_string(count), "--output-format", "jsonl"});
  const auto line = text ? text->find("{\"n_kv_max\"") : std::string::npos;
  if (line == std::string::npos) return std::nullopt;
  const auto json = parse_json(text->substr(line, text->find('\n', line) - line));
  return json ? std::optional(json->at("speed_tg").to_number<double>()) : std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto status = usage(argc, argv, usage_text)) return *status;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto number = [&] { return i + 1 < argc ? std::atoi(argv[++i]) : 0; };
    if (argument == "--threads") settings.threads = number();
    if (argument == "--rounds") settings.rounds = number();
    if (argument == "--most") settings.most = number();
    if (!argument.starts_with("--")) settings.file = argument;
  }
  try {
    std::printf("%s, %d thread%s, %d rounds: tokens/s of replies after %d tokens\n", settings.file.c_str(),
                settings.threads, settings.threads == 1 ? "" : "s", settings.rounds, prompt_tokens);
    std::printf("%8s %12s %20s %8s\n", "replies", "dspy", "llama-batched-bench", "ratio");
    for (int count = 1; count <= settings.most; count *= 2) {
      std::vector<double> ours, theirs, ratios;
      for (int round = 0; round < settings.rounds; ++round) {
        ours.push_back(our_rate(settings, count));
        const auto rate = their_rate(settings, count);
        if (!rate) continue;
        theirs.push_back(*rate);
        ratios.push_back(ours.back() / *rate);
      }
      if (theirs.empty())
        std::printf("%8d %12.1f   llama-batched-bench is not installed (Debian: llama.cpp-tools-extra)\n", count,
                    median(ours));
      else
        std::printf("%8d %12.1f %20.1f %7.1f%%\n", count, median(ours), median(theirs), 100 * median(ratios));
    }
  } catch (const Error& error) {
    std::fprintf(stderr, "bench-batched: %s\n", error.what());
    return 1;
  }
}
