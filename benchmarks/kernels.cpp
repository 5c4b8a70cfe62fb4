// Processor time of a token with our kernels and with the library's, for every format of weights and kind of processor
// that this one contains: the table of docs/performance.md.
//
// Each figure comes from a process of its own, since kernels are chosen once (DSPY_CPU; for the library, the variant of
// its backend for such a processor).  Ours and the library's take turns, and the ratio of each pair is taken before the
// median.  On one thread, by processor time, so that what else the machine does counts as little as possible; both run
// in the same engine, so that only the kernels differ.

#include "../tests/support/random_model.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/llama/engine.hpp"
#include "dspy/llama/model.hpp"
#include "dspy/llama/quantize.hpp"
#include "support/measure.hpp"
#include "support/programs.hpp"
#include "support/usage.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace dspy;
using namespace dspy::bench;

constexpr std::string_view usage_text = R"(usage: bench-kernels [--rounds N] [--cpus LIST] [--formats LIST] [FILE]

How much faster a token is with our kernels than with the library's, by processor time on one thread.

  --rounds N      pairs of runs; the median of their ratios is printed (3)
  --cpus LIST     avx2,avx2_vnni,avx512,avx512_vnni,amx (all; those that this processor does not have are left out)
  --formats LIST  such as q4_k_m,q8_0 (the usual ones)
  FILE            a model in f16 or f32 (one of random weights, 150 million parameters)
)";

constexpr int prompt_tokens = 256;
constexpr int few = 4, many = 20;  ///< Tokens of replies: the difference is what is counted.
constexpr std::array reply_counts{1, 8, 32};

/// Milliseconds of processor time a token.
struct Costs {
  double prompt = 0;
  std::array<double, reply_counts.size()> replies{};
};

/// Seconds that `count` replies of `length` tokens at once take.
double replies(llama::Engine& engine, int count, int length) {
  const double before = cpu_seconds();
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < count; ++i)
      callers.emplace_back([&, i] {
        wait(engine.generate({.prompt = random_tokens(8, static_cast<std::uint64_t>(i)),
                              .sampling = {.max_tokens = length, .temperature = 0},
                              .ignores_end = true}));
      });
  }
  return cpu_seconds() - before;
}

Costs measure(const std::string& file, llama::Kernels kernels) {
  const auto model = llama::Model::load(file, {.gpu_layers = 0, .kernels = kernels});
  llama::Engine engine(model, {.context_length = 2 * prompt_tokens,
                               .sequences = reply_counts.back(),
                               .threads = 1,
                               .speculation = llama::Speculation::off,
                               .kv_tokens = 2048});
  Costs costs;
  const double before = cpu_seconds();
  wait(engine.generate({.prompt = random_tokens(prompt_tokens, 77), .sampling = {.max_tokens = 1, .temperature = 0}}));
  costs.prompt = 1e3 * (cpu_seconds() - before) / prompt_tokens;
  for (std::size_t i = 0; i < reply_counts.size(); ++i) {
    const int count = reply_counts[i];
    replies(engine, count, few);  // so that prompts are known
    const double start = replies(engine, count, few);
    costs.replies[i] = 1e3 * (replies(engine, count, many) - start) / (count * (many - few));
  }
  return costs;
}

std::optional<Costs> measure_in_child(const std::string& cpu, const std::string& file, const char* kernels) {
  const auto text = output_of({"/proc/self/exe", "--once", file, kernels}, {"DSPY_CPU=" + cpu});
  Costs costs;
  if (!text || std::sscanf(text->c_str(), "%lf %lf %lf %lf", &costs.prompt, &costs.replies[0], &costs.replies[1],
                           &costs.replies[2]) != 4)
    return std::nullopt;
  return costs;
}

std::vector<std::string> list_of(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(','), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool runs(std::string_view cpu) {
#ifdef __x86_64__
  if (cpu == "avx2") return __builtin_cpu_supports("x86-64-v3") != 0;
  if (cpu == "avx2_vnni") return __builtin_cpu_supports("x86-64-v3") != 0 && __builtin_cpu_supports("avxvnni") != 0;
  if (cpu == "avx512") return __builtin_cpu_supports("x86-64-v4") != 0;
  if (cpu == "avx512_vnni")
    return __builtin_cpu_supports("x86-64-v4") != 0 && __builtin_cpu_supports("avx512vnni") != 0;
  if (cpu == "amx") return __builtin_cpu_supports("amx-int8") != 0;
#endif
  return false;
}

void compare(const std::string& cpu, const std::string& format, const std::string& file, int rounds) {
  std::vector<double> prompt, prompt_cost;
  std::array<std::vector<double>, reply_counts.size()> ratios;
  for (int round = 0; round < rounds; ++round) {
    const auto ours = measure_in_child(cpu, file, "own");
    const auto theirs = measure_in_child(cpu, file, "library");
    if (!ours || !theirs) continue;
    prompt.push_back(theirs->prompt / ours->prompt);
    prompt_cost.push_back(ours->prompt);
    for (std::size_t i = 0; i < ratios.size(); ++i) ratios[i].push_back(theirs->replies[i] / ours->replies[i]);
  }
  if (prompt.empty()) {
    std::printf("| %-11s | %-7s | could not be run |\n", cpu.c_str(), format.c_str());
    return;
  }
  std::printf("| %-11s | %-7s | %5.2f | %5.2f | %5.2f | %5.2f | %8.3f |\n", cpu.c_str(), format.c_str(),
              median(ratios[0]), median(ratios[1]), median(ratios[2]), median(prompt), median(prompt_cost));
}

/// A folder that is removed at the end.
struct Folder {
  Folder() { fs::create_directories(path); }
  ~Folder() {
    std::error_code error;
    fs::remove_all(path, error);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path path = fs::temp_directory_path() / std::format("dspy-bench-kernels-{}", ::getpid());
};

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  try {
    if (argc == 4 && std::string_view(argv[1]) == "--once") {
      const bool own = std::string_view(argv[3]) == "own";
      const auto costs = measure(argv[2], own ? llama::Kernels::automatic : llama::Kernels::library);
      std::printf("%f %f %f %f\n", costs.prompt, costs.replies[0], costs.replies[1], costs.replies[2]);
      return 0;
    }
    if (const auto status = usage(argc, argv, usage_text)) return *status;
    int rounds = 3;
    std::string file;
    auto cpus = list_of("avx2,avx2_vnni,avx512,avx512_vnni,amx");
    auto formats = list_of("q4_k_m,q5_k_m,q6_k,q8_0,q4_0,q4_1,q5_0,iq4_nl,iq4_xs,f16,bf16");
    for (int i = 1; i < argc; ++i) {
      const std::string_view argument = argv[i];
      const char* const next = i + 1 < argc ? argv[i + 1] : "";
      if (argument == "--rounds") rounds = std::atoi(next);
      if (argument == "--cpus") cpus = list_of(next);
      if (argument == "--formats") formats = list_of(next);
      if (argument.starts_with("--"))
        ++i;
      else
        file = argument;
    }
    const Folder folder;
    if (file.empty()) {
      file = folder.path / "whole.gguf";
      test::RandomModel{.layers = 8,
                        .width = 1024,
                        .hidden = 4096,
                        .heads = 16,
                        .kv_heads = 4,
                        .context_length = 4096,
                        .vocabulary = 32000,
                        .type = test::GgufWriter::f16,
                        .name = "random weights, 150M"}
          .write(file);
    }
    std::printf("times as fast as with llama.cpp's kernels, by processor time on one thread, medians of %d pairs\n",
                rounds);
    std::printf("| %-11s | %-7s | %5s | %5s | %5s | %5s | %8s |\n", "processor", "format", "1", "8", "32", "read",
                "ms/token");
    for (const auto& format : formats) {
      auto model = file;
      if (format != "f16") {
        model = folder.path / (format + ".gguf");
        llama::quantize(file, model, {.type = format});
      }
      for (const auto& cpu : cpus)
        if (runs(cpu)) compare(cpu, format, model, rounds);
      if (model != file) fs::remove(model);
    }
  } catch (const Error& error) {
    std::fprintf(stderr, "bench-kernels: %s\n", error.what());
    return 1;
  }
}
