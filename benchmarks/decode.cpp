// Tokens a second of one reply through LlamaLM, side by side with llama.cpp's own llama-bench on the same file and
// threads.
//
// Runs alternate, so that what else the machine does meets both alike, and the ratio of each pair is taken before the
// median of them.  Processor time a token, on one thread, is the steadier figure on a machine that others use too.

#include "../tests/support/random_model.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/llama/hardware.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "support/programs.hpp"
#include "support/usage.hpp"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <format>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace dspy;
using namespace dspy::bench;

constexpr std::string_view usage_text = R"(usage: bench-decode [--cost | --busy] [--rounds N] [--threads N] [FILE...]

Tokens a second of one reply, by LlamaLM and by llama-bench, and the processor time of a token.

  --cost        processor time only
  --busy        the same decoding while another program keeps a core busy
  --rounds N    runs of both; their medians are printed (5)
  --threads N   threads of both (as many as the hardware suggests)
  FILE          models, *.gguf (the embedded one, and one of random weights in the shape of Qwen2.5 0.5B)
)";

constexpr int reply_tokens = 96;
constexpr int prompt_tokens = 512;

struct Rates {
  double write = 0;  ///< Tokens of a reply a second.
  double read = 0;   ///< Tokens of a prompt a second.
};

/// `depth`: how many tokens precede the reply.
std::optional<Rates> llama_bench(const std::string& file, int threads, std::size_t depth) {
  const auto measure = [&](int prompt, int reply, std::size_t before) -> std::optional<double> {
    const auto text =
        output_of({"llama-bench", "-m", file, "-t", std::to_string(threads), "-p", std::to_string(prompt), "-n",
                   std::to_string(reply), "-d", std::to_string(before), "-r", "1", "-ngl", "0", "-o", "json"});
    const auto json = text ? parse_json(*text) : std::unexpected(JsonProblem{});
    if (!json || json->as_array().empty()) return std::nullopt;
    return json->at(0).at("avg_ts").to_number<double>();
  };
  const auto write = measure(0, reply_tokens, depth);
  const auto read = measure(prompt_tokens, 0, 0);
  if (!write || !read) return std::nullopt;
  return Rates{.write = *write, .read = *read};
}

Chat short_question() {
  return {{Role::user, "Question: What is in the box?\n\nAnswer:"}};
}

/// One reply of a fixed length, timed by the engine: what stands between two tokens counts, such as choosing one.
double write_rate(LlamaLM& lm, int tokens) {
  auto& engine = lm.engine();
  const auto before = engine.stats();
  llama::Generation work{.prompt = lm.prompt_for(short_question()),
                         .sampling = {.max_tokens = tokens, .temperature = 0},
                         .ignores_end = true};
  wait(engine.generate(std::move(work)));
  const auto after = engine.stats();
  // The first token comes with the prompt.
  return static_cast<double>(after.completion_tokens - before.completion_tokens - 1) /
         (after.completion_seconds - before.completion_seconds);
}

double read_rate(LlamaLM& lm) {
  static llama::Token salt = 0;
  auto& engine = lm.engine();
  const auto before = engine.stats();
  // Each prompt differs from its start, so that nothing is reused.
  std::vector<llama::Token> prompt(static_cast<std::size_t>(prompt_tokens), 60);
  prompt[0] = 65 + salt++ % 20;
  wait(engine.generate({.prompt = std::move(prompt), .sampling = {.max_tokens = 1, .temperature = 0}}));
  const auto after = engine.stats();
  return prompt_tokens / (after.prompt_seconds - before.prompt_seconds);
}

double best(const std::vector<double>& values) {
  return values.empty() ? 0 : *std::ranges::max_element(values);
}

/// Of each pair, in the order in which they were measured.
std::vector<double> ratios(const std::vector<double>& ours, const std::vector<double>& theirs) {
  std::vector<double> result;
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) result.push_back(ours[i] / theirs[i]);
  return result;
}

void compare(const std::string& file, int threads, int rounds) {
  LlamaLM lm(file, {.engine = {.context_length = 1024, .threads = threads}, .model = {.gpu_layers = 0}});
  const auto& info = lm.engine().model().info();
  threads = lm.engine().options().threads;
  std::printf("\n%s: %.1fM parameters, %s, %d thread%s\n", info.name.c_str(),
              static_cast<double>(info.parameters) / 1e6, info.quantization.c_str(), threads, threads == 1 ? "" : "s");

  std::vector<double> write, read, read_reproducibly, bench_write, bench_read;
  const auto depth = lm.prompt_for(short_question()).size();
  const auto bench = [&] {
    if (const auto rates = llama_bench(file, threads, depth)) {
      bench_write.push_back(rates->write);
      bench_read.push_back(rates->read);
    }
  };
  write_rate(lm, 8);
  for (int round = 0; round < rounds; ++round) {
    if (round % 2 == 1) bench();
    write.push_back(write_rate(lm, reply_tokens));
    read.push_back(read_rate(lm));
    if (round % 2 == 0) bench();
  }
  // Afterwards: while two engines live, OpenMP takes the processor for overbooked and puts idle threads to sleep
  // sooner.
  {
    LlamaLM reader(file, {.engine = {.context_length = 1024, .reproducible = true, .threads = threads},
                          .model = {.gpu_layers = 0}});
    for (int round = 0; round < rounds; ++round) read_reproducibly.push_back(read_rate(reader));
  }
  const auto row = [](const char* name, const std::vector<double>& ours, const std::vector<double>& theirs) {
    std::printf("  %-28s %10.1f %10.1f", name, median(ours), best(ours));
    if (!theirs.empty())
      std::printf("   %10.1f %10.1f   %6.1f %%  %6.1f %%", median(theirs), best(theirs),
                  100 * median(ratios(ours, theirs)), 100 * best(ours) / best(theirs));
    std::printf("\n");
  };
  std::printf("  %-28s %21s   %21s   %18s\n  %-28s %10s %10s   %10s %10s   %8s  %8s\n", "", "LlamaLM", "llama-bench",
              "ratio", "tokens a second", "median", "best", "median", "best", "median", "best");
  row("reply of 96", write, bench_write);
  row("prompt of 512", read, bench_read);
  row("the same, reproducible", read_reproducibly, bench_read);
  if (bench_write.empty())
    std::printf("  llama-bench is not installed (Debian: llama.cpp-tools), so there is nothing to compare with\n");
}

/// Processor time of one token of a reply on one thread, from replies of two lengths.
void compare_cost(const std::string& file, int tokens, int rounds) {
  LlamaLM lm(file, {.engine = {.context_length = 1024, .threads = 1}, .model = {.gpu_layers = 0}});
  constexpr int few = 16;
  const auto depth = std::to_string(lm.prompt_for(short_question()).size());
  const auto ours = [&](int length) {
    rusage before{}, after{};
    ::getrusage(RUSAGE_SELF, &before);
    write_rate(lm, length);
    ::getrusage(RUSAGE_SELF, &after);
    return seconds(after) - seconds(before);
  };
  const auto theirs = [&](int length) {
    double seconds = 0;
    const auto printed = output_of({"llama-bench", "-m", file, "-t", "1", "-p", "0", "-n", std::to_string(length), "-d",
                                    depth, "-r", "1", "-ngl", "0", "-o", "json"},
                                   {}, &seconds);
    return printed ? seconds : 0.0;
  };
  std::vector<double> mine, bench;
  ours(few);
  for (int round = 0; round < rounds; ++round) {
    mine.push_back(1e3 * (ours(few + tokens) - ours(few)) / tokens);
    bench.push_back(1e3 * (theirs(few + tokens) - theirs(few)) / tokens);
  }
  std::printf("  processor time a token, 1 thread: LlamaLM %.3f ms, llama-bench %.3f ms; speed by that: %.1f %%\n",
              median(mine), median(bench), 100 * median(ratios(bench, mine)));
}

/// The 0.5B shape of Qwen2.5, in a folder that is removed at the end.
struct RealShape {
  RealShape() {
    fs::create_directories(folder);
    test::RandomModel{.layers = 24,
                      .width = 896,
                      .hidden = 4864,
                      .heads = 14,
                      .kv_heads = 2,
                      .context_length = 32768,
                      .vocabulary = 151936,
                      .type = test::GgufWriter::q8_0,
                      .name = "random weights, shape of Qwen2.5 0.5B"}
        .write(file);
  }
  ~RealShape() {
    std::error_code error;
    fs::remove_all(folder, error);
  }
  RealShape(const RealShape&) = delete;
  RealShape& operator=(const RealShape&) = delete;

  fs::path folder = fs::temp_directory_path() / std::format("dspy-bench-{}", ::getpid());
  std::string file = folder / "random-0.5b-q8_0.gguf";
};

// --- a busy neighbour ------------------------------------------------------------------------------------------------

/// Another program that wants one core.
class Neighbour {
 public:
  Neighbour() : process_(::fork()) {
    if (process_ == 0) {
      for (std::atomic<unsigned long> i = 0;;) i.fetch_add(1, std::memory_order_relaxed);
    }
  }
  ~Neighbour() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;

 private:
  pid_t process_;
};

/// What a child of `busy` does: one setting, in a process of its own, since OpenMP reads its settings once.
int decode_once(const std::string& file, int threads, bool yields) {
  LlamaLM lm(file,
             {.engine = {.context_length = 1024, .threads = threads, .yields = yields}, .model = {.gpu_layers = 0}});
  write_rate(lm, 16);  // what a quiet step takes is not known yet: the neighbour is there from the start
  std::vector<double> rates;
  for (int i = 0; i < 3; ++i) rates.push_back(write_rate(lm, 48));
  std::printf("%f\n", median(rates));
  return 0;
}

void busy(const std::string& self, const std::string& file, int threads, int rounds) {
  struct Setting {
    const char* name;
    const char* spin;
    int threads;
    const char* yields;
  };
  const std::vector<Setting> settings = {
      {"all threads, libgomp's default", "GOMP_SPINCOUNT=300000", threads, "0"},
      {"all threads, short spin", "GOMP_SPINCOUNT=2000", threads, "0"},
      {"as shipped (short spin, yields)", "GOMP_SPINCOUNT=2000", threads, "1"},
      {"one thread", "GOMP_SPINCOUNT=2000", 1, "0"},
  };
  std::vector<std::vector<double>> quiet(settings.size() + 1), beside(settings.size() + 1);
  for (int round = 0; round < rounds; ++round) {
    for (const bool is_busy : {false, true}) {
      std::optional<Neighbour> neighbour;
      if (is_busy) neighbour.emplace();
      auto& rates = is_busy ? beside : quiet;
      for (std::size_t i = 0; i < settings.size(); ++i) {
        const auto text = output_of({self, "--once", file, std::to_string(settings[i].threads), settings[i].yields},
                                    {settings[i].spin});
        if (text) rates[i].push_back(std::atof(text->c_str()));
      }
      if (const auto bench = llama_bench(file, threads, 0)) rates.back().push_back(bench->write);
    }
  }
  std::printf("\n%s, %d threads: tokens a second of a reply\n  %-34s %14s %22s\n", fs::path(file).filename().c_str(),
              threads, "", "quiet", "beside a busy process");
  for (std::size_t i = 0; i <= settings.size(); ++i) {
    if (quiet[i].empty()) continue;
    std::printf("  %-34s %14.1f %22.1f\n", i < settings.size() ? settings[i].name : "llama-bench", median(quiet[i]),
                median(beside[i]));
  }
}

int number(const char* text) {
  return text ? std::atoi(text) : 0;
}

}  // namespace

int main(int argc, char** argv) {
  int rounds = 5, threads = 0;
  bool is_busy = false, cost_only = false;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::vector<std::string> files;
  if (argc == 5 && std::string_view(argv[1]) == "--once")
    return decode_once(argv[2], number(argv[3]), number(argv[4]) != 0);
  if (const auto status = usage(argc, argv, usage_text)) return *status;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--rounds") {
      rounds = number(argv[++i]);
    } else if (argument == "--threads") {
      threads = number(argv[++i]);
    } else if (argument == "--cost") {
      cost_only = true;
    } else if (argument == "--busy") {
      is_busy = true;
    } else if (!argument.starts_with("--benchmark")) {
      files.emplace_back(argument);
    }
  }
  try {
    std::optional<RealShape> real_shape;
    if (files.empty()) {
      if (!is_busy && fs::exists("models/dspy-tiny.gguf")) files.emplace_back("models/dspy-tiny.gguf");
      files.push_back(real_shape.emplace().file);
    }
    for (const auto& file : files) {
      if (is_busy)
        busy("/proc/self/exe", file, threads > 0 ? threads : llama::Hardware::detect().threads, rounds);
      else {
        if (!cost_only) compare(file, threads, rounds);
        compare_cost(file, fs::file_size(file) > 100'000'000 ? 32 : 480, rounds);
      }
    }
  } catch (const Error& error) {
    std::fprintf(stderr, "bench-decode: %s\n", error.what());
    return 1;
  }
}
