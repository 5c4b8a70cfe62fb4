// Processor time of a token with our kernels and with the library's, for every format of weights and kind of processor
// that this one contains: the table of docs/performance.md.
//
// Each figure comes from a process of its own, since kernels are chosen once (DSPY_CPU; for the library, the variant of
// its backend for such a processor).  Ours and the library's take turns, and the ratio of each pair is taken before the
// median.  On one thread, by processor time, so that what else the machine does counts as little as possible; both run
// through the same plug-in, so that only the kernels differ.

#include "../tests/support/random_model.hpp"
#include "dspy/base/error.hpp"
#include "dspy/llama/context_options.hpp"
#include "dspy/llama/quantize.hpp"
#include "llama/model/runtime.hpp"
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
constexpr std::array reply_counts{1, 8, 32};

/// Milliseconds of processor time a token.
struct Costs {
  double prompt = 0;
  std::array<double, reply_counts.size()> replies{};
};

/// The least processor time of a step: what else the machine does can only add to it.
double least(llama::RuntimeContext& context, int times, const auto& next_step) {
  double seconds = 0;
  for (int i = 0; i < times; ++i) {
    const auto batch = next_step(i);
    const double before = cpu_seconds();
    if (context.decode(batch) != llama::DecodeStatus::ok) throw Error(Errc::backend_error, "a step was not computed");
    const double taken = cpu_seconds() - before;
    if (i == 0 || taken < seconds) seconds = taken;
  }
  return seconds;
}

/// A prompt is read, and then one token at a time is written for replies that all have it in common.
Costs measure(const std::string& file, llama::Kernels kernels) {
  const auto model = llama::runtime().load_model({.path = file, .kernels = kernels});
  const auto context = model->new_context(
      {.context_length = 4096, .batch = prompt_tokens, .sequences = reply_counts.back(), .outputs = 64, .threads = 1});
  const auto prompt = random_tokens(prompt_tokens, 77);
  Costs costs;
  const auto read = [&](int) {
    context->clear();
    std::vector<llama::BatchEntry> batch;
    for (int i = 0; i < prompt_tokens; ++i)
      batch.push_back({.token = prompt[static_cast<std::size_t>(i)], .position = i, .output = i + 1 == prompt_tokens});
    return batch;
  };
  costs.prompt = 1e3 * least(*context, 2, read) / prompt_tokens;
  for (std::size_t i = 0; i < reply_counts.size(); ++i) {
    const int count = reply_counts[i];
    for (int reply = 1; reply < count; ++reply) {
      context->remove(reply, -1, -1);
      context->copy(0, reply, 0, prompt_tokens);
    }
    const auto write = [&](int step) {
      std::vector<llama::BatchEntry> batch;
      for (int reply = 0; reply < count; ++reply)
        batch.push_back({.token = 60, .position = prompt_tokens + step, .sequence = reply, .output = true});
      return batch;
    };
    costs.replies[i] = 1e3 * least(*context, 6, write) / count;
    for (int reply = 0; reply < count; ++reply) context->remove(reply, prompt_tokens, -1);
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
