// What one process with one engine does with many requests, side by side with llama-server on the same file and
// threads.
//
//     bench-engine                         all of it on the embedded model
//     bench-engine burst|calls|cache|restore|typed [--threads N] [--rounds N] [--shape 135m|0.5b [--type q8_0] | FILE]
//
// `burst`: 32 requests that share a long start, 16 at a time.  `calls`: 1,000 short ones, 32 at a time.  `cache`: a
// long prompt with and without reuse.  `restore`: a saved prefix against computing it.  `typed`: replies of five typed
// outputs, held to their contract, against as many tokens written freely, one at a time.  Prompts are random tokens,
// ends of replies are ignored, so the work is the same for all.  Runs alternate; medians.  Processor time counts
// everything a side does, and is the steadier figure on a machine that others use too.

#include "../tools/random_model/random_model.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/llama/llama_lm.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace dspy;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Tokens = std::vector<llama::Token>;

struct Settings {
  std::string file = "models/dspy-tiny.gguf";
  int threads = 1;
  int rounds = 3;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.empty() ? 0 : values[values.size() / 2];
}

double seconds(Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

double cpu_seconds(int who) {
  rusage used{};
  ::getrusage(who, &used);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

struct Cost {
  double wall = 0;
  double cpu = 0;
};

/// The work of one measurement: prompts, and how many tokens each is answered with.
struct Work {
  std::vector<Tokens> prompts{};
  int reply = 0;
  int at_once = 1;
};

/// Tokens that are plain text in every byte-level vocabulary; the same for every run.
Tokens random_tokens(std::size_t count, std::uint64_t seed) {
  Tokens tokens;
  for (std::size_t i = 0; i < count; ++i) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    tokens.push_back(static_cast<llama::Token>(10 + (seed >> 33) % 230));
  }
  return tokens;
}

Work burst(std::uint64_t seed) {
  Work work{.prompts = {}, .reply = 48, .at_once = 16};
  const auto common = random_tokens(800, seed);
  for (std::uint64_t i = 0; i < 32; ++i) {
    auto prompt = common;
    const auto own = random_tokens(40, seed * 1000 + i);
    prompt.insert(prompt.end(), own.begin(), own.end());
    work.prompts.push_back(std::move(prompt));
  }
  return work;
}

Work calls(std::uint64_t seed) {
  Work work{.prompts = {}, .reply = 12, .at_once = 32};
  const auto common = random_tokens(90, seed);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    auto prompt = common;
    const auto own = random_tokens(20, seed * 7000 + i);
    prompt.insert(prompt.end(), own.begin(), own.end());
    work.prompts.push_back(std::move(prompt));
  }
  return work;
}

/// Calls `one` for each prompt, `at_once` at a time, from as many threads.
Cost run(const Work& work, const std::function<void(const Tokens&)>& one) {
  std::atomic<std::size_t> next = 0;
  const auto before = Clock::now();
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < work.at_once; ++i)
      callers.emplace_back([&] {
        for (auto index = next++; index < work.prompts.size(); index = next++) one(work.prompts[index]);
      });
  }
  return {.wall = seconds(Clock::now() - before)};
}

Cost run_here(llama::Engine& engine, const Work& work) {
  const auto before = cpu_seconds(RUSAGE_SELF);
  auto cost = run(work, [&](const Tokens& prompt) {
    wait(engine.generate(
        {.prompt = prompt, .sampling = {.max_tokens = work.reply, .temperature = 0}, .ignores_end = true}));
  });
  cost.cpu = cpu_seconds(RUSAGE_SELF) - before;
  return cost;
}

// --- llama-server ----------------------------------------------------------------------------------------------------

/// A llama-server of our own, ended with its owner.
class Server {
 public:
  Server(const Settings& settings, std::vector<std::string> options, int port) : port_(port) {
    std::vector<std::string> command = {
        "llama-server",       "-m",   settings.file, "-t",        std::to_string(settings.threads), "--port",
        std::to_string(port), "-ngl", "0",           "--no-webui"};
    command.insert(command.end(), options.begin(), options.end());
    process_ = ::fork();
    if (process_ == 0) {
      std::vector<char*> arguments;
      for (auto& argument : command) arguments.push_back(argument.data());
      arguments.push_back(nullptr);
      const int nowhere = ::open("/dev/null", O_RDWR);
      ::dup2(nowhere, 1);
      ::dup2(nowhere, 2);
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
    for (int i = 0; i < 1200; ++i) {
      std::this_thread::sleep_for(100ms);
      int status = 0;
      if (::waitpid(process_, &status, WNOHANG) == process_) {
        process_ = -1;
        return;
      }
      if (request("GET", "/health", "").contains("\"ok\"")) return;
    }
  }
  ~Server() {
    if (process_ < 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  bool runs() const { return process_ > 0; }

  Cost run(const Work& work) const {
    const auto before = cpu();
    auto cost = ::run(work, [&](const Tokens& prompt) {
      std::string list;
      for (const auto token : prompt) list += (list.empty() ? "" : ",") + std::to_string(token);
      const auto body = std::format(
          R"({{"prompt":[{}],"n_predict":{},"temperature":0,"samplers":["top_k"],"top_k":1,"ignore_eos":true,"cache_prompt":true}})",
          list, work.reply);
      const auto answer = request("POST", "/completion", body);
      if (!answer.contains("\"content\"")) std::fprintf(stderr, "llama-server: %.200s\n", answer.c_str());
    });
    cost.cpu = cpu() - before;
    return cost;
  }

 private:
  /// What the server has used so far.
  double cpu() const {
    std::string stat(4096, '\0');
    if (std::FILE* file = std::fopen(std::format("/proc/{}/stat", process_).c_str(), "r")) {
      stat.resize(std::fread(stat.data(), 1, stat.size(), file));
      std::fclose(file);
    }
    unsigned long user = 0, system = 0;
    std::sscanf(stat.c_str() + stat.rfind(')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                &system);
    return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }

  std::string request(std::string_view method, std::string_view path, const std::string& body) const {
    const int connection = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    std::string answer;
    if (::connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      const auto text = std::format(
          "{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-"
          "Length: {}\r\nConnection: close\r\n\r\n{}",
          method, path, body.size(), body);
      std::size_t sent = 0;
      while (sent < text.size()) {
        const auto count = ::send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) break;
        sent += static_cast<std::size_t>(count);
      }
      char buffer[4096];
      for (ssize_t count = 0; (count = ::recv(connection, buffer, sizeof buffer, 0)) > 0;)
        answer.append(buffer, static_cast<std::size_t>(count));
    }
    ::close(connection);
    return answer;
  }

  int port_;
  pid_t process_ = -1;
};

// --- what is measured ------------------------------------------------------------------------------------------------

void print(const char* name, const std::vector<Cost>& costs, const std::vector<Cost>* ours) {
  std::vector<double> wall, cpu, wall_ratio, cpu_ratio;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    wall.push_back(costs[i].wall);
    cpu.push_back(costs[i].cpu);
    if (!ours) continue;
    wall_ratio.push_back(costs[i].wall / (*ours)[i].wall);
    cpu_ratio.push_back(costs[i].cpu / (*ours)[i].cpu);
  }
  std::printf("    %-34s %8.2f s %8.2f s", name, median(wall), median(cpu));
  if (ours) std::printf("   %6.2fx %6.2fx", median(wall_ratio), median(cpu_ratio));
  std::printf("\n");
}

void against_server(const Settings& settings, const char* title, Work (*make)(std::uint64_t), int at_once) {
  struct Peer {
    const char* name;
    std::vector<std::string> options;
    std::vector<Cost> cold{}, warm{};
  };
  const auto longest = 1024;
  const auto slots = std::to_string(at_once);
  std::vector<Peer> peers = {
      {.name = "llama-server, defaults", .options = {"-c", std::to_string(4 * longest)}},
      {.name = "llama-server -np 1", .options = {"-c", std::to_string(longest), "-np", "1"}},
      {.name = "llama-server -np N -no-kvu",
       .options = {"-c", std::to_string(at_once * longest), "-np", slots, "--no-kv-unified"}},
  };
  std::vector<Cost> cold, warm;
  for (int round = 0; round < settings.rounds; ++round) {
    const auto seed = static_cast<std::uint64_t>(round) + 77;
    {
      LlamaLM lm(settings.file,
                 {.engine = {.context_length = longest, .sequences = at_once, .threads = settings.threads},
                  .model = {.gpu_layers = 0}});
      run_here(lm.engine(), {.prompts = {random_tokens(8, 1)}, .reply = 4});
      cold.push_back(run_here(lm.engine(), make(seed)));
      warm.push_back(run_here(lm.engine(), make(seed)));
    }
    for (auto& peer : peers) {
      const Server server(settings, peer.options, 18080 + static_cast<int>(::getpid() % 1000));
      if (!server.runs()) continue;
      server.run({.prompts = {random_tokens(8, 1)}, .reply = 4});
      peer.cold.push_back(server.run(make(seed)));
      peer.warm.push_back(server.run(make(seed)));
    }
  }
  std::printf("\n%s\n", title);
  for (const bool is_warm : {false, true}) {
    std::printf("  %-36s %10s %10s   %15s\n", is_warm ? "the same again" : "cold", "wall", "processor",
                "ours is faster");
    print("dspy", is_warm ? warm : cold, nullptr);
    for (const auto& peer : peers) {
      if (!peer.cold.empty()) print(peer.name, is_warm ? peer.warm : peer.cold, is_warm ? &warm : &cold);
    }
  }
  if (peers[0].cold.empty())
    std::printf("  llama-server is not installed (Debian: llama.cpp-tools), so there is nothing to compare with\n");
}

/// Processor time of `turns` calls, each with `step` tokens more in its prompt than the last and `step` in its reply.
double conversation(const Settings& settings, bool reuse, int turns, std::size_t step) {
  LlamaLM lm(settings.file, {.engine = {.context_length = 1024, .reuse = reuse, .threads = settings.threads},
                             .model = {.gpu_layers = 0}});
  auto prompt = random_tokens(512, 5);
  const auto before = cpu_seconds(RUSAGE_SELF);
  for (int turn = 0; turn < turns; ++turn) {
    run_here(lm.engine(), {.prompts = {prompt}, .reply = static_cast<int>(step)});
    const auto more = random_tokens(step, static_cast<std::uint64_t>(turn));
    prompt.insert(prompt.end(), more.begin(), more.end());
  }
  return cpu_seconds(RUSAGE_SELF) - before;
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
  const OutputContract contract{
      .form = OutputContract::Form::json,
      .signature = std::make_shared<const Signature>(Signature::parse(
          "ticket -> mood: Literal['pleased', 'neutral', 'disappointed'], product_category: Literal['hardware', "
          "'software', 'service'], is_urgent: bool, priority: Literal[1, 2, 3, 4, 5], sender_is_known: bool"))};
  std::vector<double> walls, processors;
  std::uint64_t tokens = 0;
  std::uint64_t forced = 0;
  for (int round = 0; round < settings.rounds; ++round) {
    Cost held, free;
    for (std::uint64_t i = 0; i < 24; ++i) {
      const auto prompt = random_tokens(64, 100 + i);
      run_here(engine, {.prompts = {prompt}, .reply = 1});  // so that both find it known
      const auto before = engine.stats();
      const auto cpu = cpu_seconds(RUSAGE_SELF);
      const auto start = Clock::now();
      const auto reply = wait(
          engine.generate({.prompt = prompt, .sampling = {.max_tokens = 300, .temperature = 0}, .contract = contract}));
      held.wall += seconds(Clock::now() - start);
      held.cpu += cpu_seconds(RUSAGE_SELF) - cpu;
      const auto count = static_cast<int>(reply.usage.completion_tokens);
      const auto cost = run_here(engine, {.prompts = {prompt}, .reply = count});
      free.wall += cost.wall;
      free.cpu += cost.cpu;
      tokens += reply.usage.completion_tokens;
      forced += engine.stats().forced_tokens - before.forced_tokens;
    }
    walls.push_back(free.wall / held.wall);
    processors.push_back(free.cpu / held.cpu);
  }
  std::printf(
      "\nreplies of five typed outputs, %.0f %% of their tokens forced: %.2fx as fast as free ones, %.2fx less "
      "processor time\n",
      100 * static_cast<double>(forced) / static_cast<double>(tokens), median(walls), median(processors));
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
    else if (argument == "--shape")
      shape = next();
    else if (argument == "--type")
      type = next();
    else if (argument.ends_with(".gguf"))
      settings.file = argument;
    else if (!argument.starts_with("--"))
      parts.push_back(argument);
  }
  const auto wants = [&](const char* part) { return parts.empty() || std::ranges::contains(parts, part); };
  try {
    if (!shape.empty()) settings.file = model.emplace(shape, type).file;
    std::printf("%s, %d thread%s, %d rounds\n", fs::path(settings.file).filename().c_str(), settings.threads,
                settings.threads == 1 ? "" : "s", settings.rounds);
    if (wants("burst"))
      against_server(settings, "32 requests, 16 at a time: 800 tokens in common, 40 of their own, 48 written", burst,
                     16);
    if (wants("calls"))
      against_server(settings, "1,000 requests, 32 at a time: 90 tokens in common, 20 of their own, 12 written", calls,
                     32);
    if (wants("cache")) cache(settings);
    if (wants("restore")) restore(settings);
    if (wants("typed")) typed(settings);
  } catch (const Error& error) {
    std::fprintf(stderr, "bench-engine: %s\n", error.what());
    return 1;
  }
}
