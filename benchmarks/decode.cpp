// One stream through LlamaLM beside llama-bench: the same file, threads and number of tokens, in turns, so that a noisy
// machine slows both. Prints the medians and the ratio.
//
//   bench-decode [MODEL.gguf] [THREADS] [ROUNDS]

#include "dspy/base/wait.hpp"
#include "dspy/llama/llama_lm.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr int tokens = 256;

/// llama-bench's tokens per second; 0 if it is not installed.
double peer(const std::string& model, int threads) {
  const auto command = "llama-bench -m '" + model + "' -p 0 -n " + std::to_string(tokens) + " -t " +
                       std::to_string(threads) + " -r 1 -o json 2>/dev/null";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  if (!pipe) return 0;
  std::string text;
  std::array<char, 4096> buffer{};
  while (const auto read = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) text.append(buffer.data(), read);
  const auto json = dspy::parse_json(text);
  if (!json || !json->is_array() || json->get_array().empty()) return 0;
  return json->get_array()[0].as_object().at("avg_ts").to_number<double>();
}

/// Ours: the whole call, without the time that the engine says it spent on the prompt. So hot that the end of the reply is
/// as likely as any other token, for a small model would stop early; sampling from the whole vocabulary is the dearest case.
double ours(dspy::LlamaLM& lm, std::uint64_t seed) {
  using Clock = std::chrono::steady_clock;
  dspy::Request request;
  request.messages = {{dspy::Role::user, "Question: Where does Nora live?\n\nAnswer:"}};
  request.sampling = {.max_tokens = tokens, .temperature = 100.0, .top_p = 1.0, .repeat_penalty = 1.0, .seed = seed};
  const auto prompt_before = lm.engine().stats().prompt_seconds;
  const auto start = Clock::now();
  const auto reply = dspy::wait(lm.complete(std::move(request)));
  const std::chrono::duration<double> took = Clock::now() - start;
  const auto prompt = lm.engine().stats().prompt_seconds - prompt_before;
  return reply.usage.completion_tokens < tokens ? 0 : tokens / (took.count() - prompt);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.empty() ? 0 : values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && argv[1][0] == '-') argc = 1;  // flags for other benchmarks
  const std::string model = argc > 1 ? argv[1] : "models/dspy-tiny.gguf";
  const int threads = argc > 2 ? std::atoi(argv[2]) : 1;
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 9;

  dspy::LlamaLM lm(model, {.engine = {.threads = threads, .yields = false}});
  ours(lm, 0);
  std::vector<double> us;
  std::vector<double> them;
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    const auto theirs = peer(model, threads);
    double mine = 0;
    for (std::uint64_t seed = 1; mine == 0 && seed < 50; ++seed) mine = ours(lm, seed + 100 * static_cast<std::uint64_t>(round));
    us.push_back(mine);
    if (theirs == 0) continue;
    them.push_back(theirs);
    ratios.push_back(mine / theirs);
  }
  std::printf("%s, %d thread(s), %d tokens, %d rounds\n", model.c_str(), threads, tokens, rounds);
  std::printf("%-24s %10.1f tokens/s\n", "LlamaLM", median(us));
  if (them.empty()) {
    std::printf("llama-bench is not installed: nothing to compare with\n");
    return 0;
  }
  std::printf("%-24s %10.1f tokens/s\n", "llama-bench", median(them));
  std::printf("%-24s %10.3f (median of pairs)\n", "ratio", median(ratios));
  return 0;
}
