// What one process with one engine does with many requests, side by side with llama-server on the same file and
// threads.
//
// Prompts are random tokens, and ends of free replies are ignored, so the work is the same for all.  Runs alternate;
// medians.  Processor time counts everything a side does, and is the steadier figure on a machine that others use too.

#include "../tools/random_model/random_model.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "support/measure.hpp"
#include "support/programs.hpp"
#include "support/usage.hpp"

#include <array>
#include <atomic>
#include <filesystem>
#include <functional>

namespace {

namespace fs = std::filesystem;
using namespace dspy;
using namespace dspy::bench;

constexpr std::string_view usage_text = R"(usage: bench-engine [PART...] [OPTION...] [FILE]

Many requests, by one engine and by llama-server.  Without a part, all of them:

  burst         32 requests that share a long start, 16 at a time
  typed_burst   the same, with replies of five typed outputs
  calls         1,000 short ones, 32 at a time
  predictors    four long prompts in turns over 64 examples
  candidates    16 prompts tried on 32 examples each
  cache         a long prompt with and without reuse
  restore       a saved prefix, and computing it
  typed         replies held to their contract, and as many tokens written freely, one at a time

  --threads N   threads of both (1)
  --rounds N    runs of both; their medians are printed (3)
  --examples N  so many requests or examples instead, for large models
  --best-only   of llama-server's settings, the best alone
  --no-flash-attention
  --shape 135m|0.5b|1.5b [--type q8_0]   a model of random weights
  FILE          a model, *.gguf (the embedded one: models/dspy-tiny.gguf)
)";

struct Settings {
  std::string file = "models/dspy-tiny.gguf";
  int threads = 1;
  int rounds = 3;
  std::uint64_t examples = 0;  ///< 0: as many as the part says.
  bool best_only = false;
  llama::FlashAttention flash_attention = llama::FlashAttention::automatic;
};

struct Cost {
  double wall = 0;
  double cpu = 0;
  double tokens = 0;  ///< Of replies.
};

/// The work of one measurement: prompts, and how many tokens each is answered with.
struct Work {
  std::vector<Tokens> prompts{};
  int reply = 0;  ///< At most, if there is a schema.
  int at_once = 1;
  std::string schema{};  ///< What replies are held to.
};

/// Five fields, of which about half of the tokens have to come.
constexpr const char* half_forced = R"({"type":"object","properties":{)"
                                    R"("customer_name":{"type":"string","minLength":8,"maxLength":16},)"
                                    R"("product_category":{"enum":["hardware","software","service"]},)"
                                    R"("is_urgent":{"type":"boolean"},)"
                                    R"("priority":{"type":"integer","minimum":1,"maximum":5},)"
                                    R"("short_summary":{"type":"string","minLength":16,"maxLength":32}},)"
                                    R"("required":["customer_name","product_category","is_urgent","priority",)"
                                    R"("short_summary"],"additionalProperties":false})";
/// Five choices: nearly all of the tokens have to come.
constexpr const char* most_forced =
    R"({"type":"object","properties":{)"
    R"("mood":{"enum":["pleased","neutral","disappointed"]},)"
    R"("product_category":{"enum":["hardware","software","service"]},)"
    R"("is_urgent":{"type":"boolean"},"priority":{"enum":[1,2,3,4,5]},)"
    R"("sender_is_known":{"type":"boolean"}},)"
    R"("required":["mood","product_category","is_urgent","priority","sender_is_known"],)"
    R"("additionalProperties":false})";

void add(Work& work, const Tokens& common, std::size_t own, std::uint64_t seed) {
  auto prompt = common;
  const auto rest = random_tokens(own, seed);
  prompt.insert(prompt.end(), rest.begin(), rest.end());
  work.prompts.push_back(std::move(prompt));
}

Work burst(std::uint64_t seed, const Settings& settings) {
  Work work{.reply = 48, .at_once = 16};
  const auto common = random_tokens(800, seed);
  const auto requests = settings.examples > 0 ? settings.examples : 32;
  for (std::uint64_t i = 0; i < requests; ++i) add(work, common, 40, seed * 1000 + i);
  return work;
}

Work typed_burst(std::uint64_t seed, const Settings& settings) {
  auto work = burst(seed, settings);
  work.reply = 200;
  work.schema = half_forced;
  return work;
}

Work calls(std::uint64_t seed, const Settings& settings) {
  Work work{.reply = 80, .at_once = 32, .schema = most_forced};
  const auto common = random_tokens(90, seed);
  const auto requests = settings.examples > 0 ? settings.examples : 1000;
  for (std::uint64_t i = 0; i < requests; ++i) add(work, common, 20, seed * 7000 + i);
  return work;
}

/// Each example goes through four predictors before the next one.
Work predictors(std::uint64_t seed, const Settings& settings) {
  Work work{.reply = 16, .at_once = 16};
  const auto examples = settings.examples > 0 ? settings.examples : 64;
  for (std::uint64_t i = 0; i < examples; ++i) {
    for (std::uint64_t predictor = 0; predictor < 4; ++predictor)
      add(work, random_tokens(800, seed * 10 + predictor), 40, seed * 1000 + i);
  }
  return work;
}

/// An optimizer's step: each candidate prompt is tried on all examples.
Work candidates(std::uint64_t seed, const Settings& settings) {
  Work work{.reply = 12, .at_once = 16};
  const auto examples = settings.examples > 0 ? settings.examples : 32;
  for (std::uint64_t candidate = 0; candidate < 16; ++candidate) {
    for (std::uint64_t i = 0; i < examples; ++i)
      add(work, random_tokens(400, seed * 100 + candidate), 40, seed * 1000 + i);
  }
  return work;
}

/// Calls `one`, which returns how many tokens were written, for each prompt, `at_once` at a time, from as many threads.
Cost run(const Work& work, const std::function<std::size_t(const Tokens&)>& one) {
  std::atomic<std::size_t> next = 0, tokens = 0;
  const auto before = Clock::now();
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < work.at_once; ++i)
      callers.emplace_back([&] {
        for (auto index = next++; index < work.prompts.size(); index = next++) tokens += one(work.prompts[index]);
      });
  }
  return {.wall = seconds(Clock::now() - before), .tokens = static_cast<double>(tokens.load())};
}

Cost run_here(llama::Engine& engine, const Work& work) {
  const auto before = cpu_seconds();
  const OutputContract contract = work.schema.empty()
                                      ? OutputContract{}
                                      : OutputContract{.form = OutputContract::Form::schema, .grammar = work.schema};
  auto cost = run(work, [&](const Tokens& prompt) {
    const auto reply = wait(engine.generate({.prompt = prompt,
                                             .sampling = {.max_tokens = work.reply, .temperature = 0},
                                             .ignores_end = work.schema.empty(),
                                             .contract = contract}));
    return static_cast<std::size_t>(*reply.usage.completion_tokens);
  });
  cost.cpu = cpu_seconds() - before;
  return cost;
}

/// What was measured last, on the terminal of who waits for the rest.
void tell(const char* name, const Cost& cost) {
  std::fprintf(stderr, "  %s: %.2f s\n", name, cost.wall);
}

Cost run_there(const Server& server, const Work& work) {
  const auto before = server.cpu_seconds();
  auto cost = run(work, [&](const Tokens& prompt) { return server.complete(prompt, work.reply, work.schema); });
  cost.cpu = server.cpu_seconds() - before;
  return cost;
}

// --- beside llama-server ---------------------------------------------------------------------------------------------

void print(const char* name, const std::vector<Cost>& costs, const std::vector<Cost>* ours) {
  std::vector<double> wall, cpu, tokens, wall_ratio, cpu_ratio;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    wall.push_back(costs[i].wall);
    cpu.push_back(costs[i].cpu);
    tokens.push_back(costs[i].tokens);
    if (!ours) continue;
    wall_ratio.push_back(costs[i].wall / (*ours)[i].wall);
    cpu_ratio.push_back(costs[i].cpu / (*ours)[i].cpu);
  }
  std::printf("    %-34s %8.0f %8.2f s %8.2f s", name, median(tokens), median(wall), median(cpu));
  if (ours) std::printf("   %6.2fx %6.2fx", median(wall_ratio), median(cpu_ratio));
  std::printf("\n");
}

struct Comparison {
  const char* part;
  const char* title;
  Work (*make)(std::uint64_t seed, const Settings& settings);
  int longest = 1024;
  bool with_loop = false;  ///< Also one request after the other, without sharing anything.
};

llama::EngineOptions engine_options(const Settings& settings, const Comparison& comparison, int sequences) {
  return {.context_length = comparison.longest,
          .sequences = sequences,
          .threads = settings.threads,
          .flash_attention = settings.flash_attention};
}

void against_server(const Settings& settings, const Comparison& comparison) {
  struct Peer {
    const char* name;
    std::vector<std::string> options;
    std::vector<Cost> cold{}, warm{};
  };
  const auto longest = comparison.longest;
  const auto at_once = comparison.make(1, settings).at_once;
  const Work warm_up{.prompts = {random_tokens(8, 1)}, .reply = 4};
  std::vector<Peer> peers = {
      {.name = "llama-server, defaults", .options = {"-c", std::to_string(4 * longest)}},
      {.name = "llama-server -np 1", .options = {"-c", std::to_string(longest), "-np", "1"}},
      {.name = "llama-server -np N -no-kvu",
       .options = {"-c", std::to_string(at_once * longest), "-np", std::to_string(at_once), "--no-kv-unified"}},
  };
  if (settings.best_only) peers.erase(peers.begin(), peers.begin() + 2);
  std::vector<Cost> cold, warm, loop;
  for (int round = 0; round < settings.rounds; ++round) {
    const auto work = comparison.make(static_cast<std::uint64_t>(round) + 77, settings);
    {
      LlamaLM lm(settings.file, {.engine = engine_options(settings, comparison, at_once), .model = {.gpu_layers = 0}});
      run_here(lm.engine(), warm_up);
      cold.push_back(run_here(lm.engine(), work));
      tell("dspy, cold", cold.back());
      warm.push_back(run_here(lm.engine(), work));
      tell("dspy, warm", warm.back());
    }
    if (comparison.with_loop) {
      auto options = engine_options(settings, comparison, 1);
      options.reuse = false;
      LlamaLM lm(settings.file, {.engine = options, .model = {.gpu_layers = 0}});
      auto one_by_one = work;
      one_by_one.at_once = 1;
      loop.push_back(run_here(lm.engine(), one_by_one));
    }
    for (auto& peer : peers) {
      const Server server(settings.file, settings.threads, peer.options);
      if (!server.runs()) continue;
      run_there(server, warm_up);
      peer.cold.push_back(run_there(server, work));
      tell(peer.name, peer.cold.back());
      peer.warm.push_back(run_there(server, work));
      tell(peer.name, peer.warm.back());
    }
  }
  std::printf("\n%s\n", comparison.title);
  for (const bool is_warm : {false, true}) {
    std::printf("  %-36s %8s %10s %10s   %15s\n", is_warm ? "the same again" : "cold", "tokens", "wall", "processor",
                "ours is faster");
    print("dspy", is_warm ? warm : cold, nullptr);
    if (!is_warm && !loop.empty()) print("dspy, one by one, nothing shared", loop, &cold);
    for (const auto& peer : peers) {
      if (!peer.cold.empty()) print(peer.name, is_warm ? peer.warm : peer.cold, is_warm ? &warm : &cold);
    }
  }
  if (peers[0].cold.empty())
    std::printf("  llama-server is not installed (Debian: llama.cpp-tools), so there is nothing to compare with\n");
}

constexpr Comparison comparisons[] = {
    {.part = "burst",
     .title = "32 requests, 16 at a time: 800 tokens in common, 40 of their own, 48 written",
     .make = burst},
    {.part = "typed_burst",
     .title = "32 requests, 16 at a time: 800 tokens in common, 40 of their own, five typed fields written",
     .make = typed_burst},
    {.part = "calls",
     .title = "1,000 requests, 32 at a time: 90 tokens in common, 20 of their own, five choices written",
     .make = calls,
     .longest = 256},
    {.part = "predictors",
     .title = "four prompts of 800 tokens in turns over the examples, 16 at a time: 40 tokens of their own, 16 written",
     .make = predictors},
    {.part = "candidates",
     .title = "16 prompts of 400 tokens, each on all examples, 16 at a time: 40 tokens of their own, 12 written",
     .make = candidates,
     .longest = 512,
     .with_loop = true},
};

// --- by itself -------------------------------------------------------------------------------------------------------

/// Processor time of `turns` calls, each with `step` tokens more in its prompt than the last and `step` in its reply.
double conversation(const Settings& settings, bool reuse, int turns, std::size_t step) {
  LlamaLM lm(settings.file, {.engine = {.context_length = 1024, .reuse = reuse, .threads = settings.threads},
                             .model = {.gpu_layers = 0}});
  auto prompt = random_tokens(512, 5);
  const auto before = cpu_seconds();
  for (int turn = 0; turn < turns; ++turn) {
    run_here(lm.engine(), {.prompts = {prompt}, .reply = static_cast<int>(step)});
    const auto more = random_tokens(step, static_cast<std::uint64_t>(turn));
    prompt.insert(prompt.end(), more.begin(), more.end());
  }
  return cpu_seconds() - before;
}

/// 128 new tokens after 512: one by one, so that without reuse nothing is kept between two tokens, and in calls of 16,
/// as a program does that asks again and again.
void cache(const Settings& settings) {
  for (const auto& [turns, step] : {std::pair{128, std::size_t{1}}, std::pair{8, std::size_t{16}}}) {
    std::vector<double> on, off;
    for (int round = 0; round < settings.rounds; ++round) {
      on.push_back(conversation(settings, true, turns, step));
      off.push_back(conversation(settings, false, turns, step));
    }
    std::printf("\n128 new tokens after 512, in %d calls: %.2f s with reuse, %.2f s without: %.1fx\n", turns,
                median(on), median(off), median(off) / median(on));
  }
}

void restore(const Settings& settings) {
  const auto prefix = random_tokens(1000, 9);
  const auto file = fs::temp_directory_path() / std::format("dspy-bench-{}.prefix", ::getpid());
  std::vector<double> computing, loading;
  for (int round = 0; round < settings.rounds; ++round) {
    const llama::EngineOptions options = {.context_length = 1024, .threads = settings.threads};
    {
      LlamaLM lm(settings.file, {.engine = options, .model = {.gpu_layers = 0}});
      const auto before = Clock::now();
      run_here(lm.engine(), {.prompts = {prefix}, .reply = 1});
      computing.push_back(seconds(Clock::now() - before));
      wait(lm.engine().save(prefix, file));
    }
    LlamaLM lm(settings.file, {.engine = options, .model = {.gpu_layers = 0}});
    const auto before = Clock::now();
    lm.engine().load(file);
    loading.push_back(seconds(Clock::now() - before));
  }
  std::printf("\na prefix of 1,000 tokens (%.1f MB): %.2f ms from its file, %.0f ms computed\n",
              static_cast<double>(fs::file_size(file)) / 1e6, 1e3 * median(loading), 1e3 * median(computing));
  fs::remove(file);
}

void typed(const Settings& settings) {
  LlamaLM lm(settings.file, {.engine = {.context_length = 1024, .sequences = 1, .threads = settings.threads},
                             .model = {.gpu_layers = 0}});
  auto& engine = lm.engine();
  for (const auto* const schema : {half_forced, most_forced}) {
    std::vector<double> walls, processors;
    const auto before = engine.stats();
    double tokens = 0;
    for (int round = 0; round < settings.rounds; ++round) {
      Cost held, free;
      for (std::uint64_t i = 0; i < 24; ++i) {
        const auto prompt = random_tokens(64, 100 + i);
        run_here(engine, {.prompts = {prompt}, .reply = 1});  // so that both find it known
        const auto typed = run_here(engine, {.prompts = {prompt}, .reply = 300, .schema = schema});
        const auto untyped = run_here(engine, {.prompts = {prompt}, .reply = static_cast<int>(typed.tokens)});
        held.wall += typed.wall;
        held.cpu += typed.cpu;
        tokens += typed.tokens;
        free.wall += untyped.wall;
        free.cpu += untyped.cpu;
      }
      walls.push_back(free.wall / held.wall);
      processors.push_back(free.cpu / held.cpu);
    }
    std::printf(
        "\nreplies of five typed outputs, %.0f %% of their tokens forced: %.2fx as fast as free ones, %.2fx less "
        "processor time\n",
        100 * static_cast<double>(engine.stats().forced_tokens - before.forced_tokens) / tokens, median(walls),
        median(processors));
  }
}

/// A model of random weights in a real model's shape, in a folder that is removed at the end.
struct RealShape {
  RealShape(const std::string& shape, const std::string& type)
      : file(folder / std::format("random-{}-{}.gguf", shape, type)) {
    fs::create_directories(folder);
    tools::write_random_model({.shape = shape, .type = type, .path = file});
  }
  ~RealShape() {
    std::error_code error;
    fs::remove_all(folder, error);
  }
  RealShape(const RealShape&) = delete;
  RealShape& operator=(const RealShape&) = delete;

  fs::path folder = fs::temp_directory_path() / std::format("dspy-bench-{}", ::getpid());
  std::string file;
};

}  // namespace

int main(int argc, char** argv) {
  if (const auto status = usage(argc, argv, usage_text)) return *status;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  Settings settings;
  std::optional<RealShape> model;
  std::string shape, type = "q8_0";
  std::vector<std::string> parts;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto next = [&] { return std::string(i + 1 < argc ? argv[++i] : ""); };
    if (argument == "--threads")
      settings.threads = std::atoi(next().c_str());
    else if (argument == "--rounds")
      settings.rounds = std::atoi(next().c_str());
    else if (argument == "--examples")
      settings.examples = static_cast<std::uint64_t>(std::atoi(next().c_str()));
    else if (argument == "--best-only")
      settings.best_only = true;
    else if (argument == "--no-flash-attention")
      settings.flash_attention = llama::FlashAttention::off;
    else if (argument == "--shape")
      shape = next();
    else if (argument == "--type")
      type = next();
    else if (argument.ends_with(".gguf"))
      settings.file = argument;
    else if (!argument.starts_with("--"))
      parts.push_back(argument);
  }
  for (const auto& part : parts) {
    if (std::ranges::contains(comparisons, part, &Comparison::part) ||
        std::ranges::contains(std::array{"cache", "restore", "typed"}, part))
      continue;
    std::fprintf(stderr, "There is no part %s.\n%s", part.c_str(), usage_text.data());
    return 2;
  }
  const auto wants = [&](const char* part) { return parts.empty() || std::ranges::contains(parts, part); };
  try {
    if (!shape.empty()) settings.file = model.emplace(shape, type).file;
    std::printf("%s, %d thread%s, %d rounds\n", fs::path(settings.file).filename().c_str(), settings.threads,
                settings.threads == 1 ? "" : "s", settings.rounds);
    for (const auto& comparison : comparisons) {
      if (wants(comparison.part)) against_server(settings, comparison);
    }
    if (wants("cache")) cache(settings);
    if (wants("restore")) restore(settings);
    if (wants("typed")) typed(settings);
  } catch (const Error& error) {
    std::fprintf(stderr, "bench-engine: %s\n", error.what());
    return 1;
  }
}
