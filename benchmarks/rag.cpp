// 64 questions over one set of documents: search, prompt and answer in one process, beside the same prompts sent to
// llama-server.  Passages are the guide's own text.  What the engine saves is the reading of passages that it has read
// for another question; how much that is depends on the order in which a prompt shows them.
//
// Runs alternate; medians.  Processor time counts everything a side does.  Searching is on our side of the figures
// only.

#include "dspy/base/wait.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "dspy/retrieve/documents/chunk.hpp"
#include "dspy/retrieve/documents/document.hpp"
#include "dspy/retrieve/memory_store.hpp"
#include "dspy/retrieve/retriever.hpp"
#include "dspy/retrieve/search/search.hpp"
#include "support/measure.hpp"
#include "support/programs.hpp"
#include "support/usage.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <format>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace dspy;
using namespace dspy::bench;

constexpr std::string_view usage_text = R"(usage: bench-rag [OPTION...] [FILE]

64 questions over one set of documents, by one engine and by llama-server.

  --threads N   threads of both (1)
  --rounds N    runs of both; their medians are printed (3)
  FILE          a model, *.gguf (the embedded one: models/dspy-tiny.gguf)
)";

constexpr std::size_t questions = 64, set_tokens = 800;
constexpr int at_once = 16, reply_tokens = 32, longest = 1024;

struct Documents {
  std::shared_ptr<MemoryStore> store = std::make_shared<MemoryStore>();
  std::vector<Passage> passages = {};
  std::vector<std::string> questions = {};
};

/// Passages of the guide, as many as `set_tokens` tokens have room for, and questions with words of theirs.
Documents documents(const llama::Model& model) {
  Documents out;
  const auto read = read_documents("docs/guide/ingestion.md");
  std::size_t tokens = 0;
  for (const auto& piece : chunk(read.at(0), {.method = ChunkMethod::markdown, .tokens = 48})) {
    const auto text = piece.text_in(read.at(0).text);
    const auto count = model.count_tokens(text) + 4;
    if (tokens + count > set_tokens) break;
    tokens += count;
    out.passages.push_back({.id = std::format("{:03}", out.passages.size()), .text = std::string(text)});
  }
  wait(out.store->upsert(out.passages));
  for (std::size_t i = 0; i < questions; ++i) {
    const auto& text = out.passages[i % out.passages.size()].text;
    const auto begin = std::min(text.size() / 2, 7 * (i / out.passages.size()));
    out.questions.push_back(std::format("What does {} say?", text.substr(text.find(' ', begin) + 1, 40)));
  }
  return out;
}

struct Arrangement {
  const char* title;
  std::size_t k;  ///< 0: all passages.
  bool by_score;  ///< Best first; else in the documents' order.
};

constexpr Arrangement arrangements[] = {
    {.title = "all passages of the set, in the documents' order", .k = 0, .by_score = false},
    {.title = "the 6 best, in the documents' order", .k = 6, .by_score = false},
    {.title = "the 6 best, best first", .k = 6, .by_score = true},
};

Tokens prompt(const llama::Model& model, const Documents& documents, const Arrangement& how,
              const std::string& question) {
  std::vector<Hit> hits;
  if (how.k > 0) {
    hits = Retriever(documents.store, {.k = how.k})(question);
    if (!how.by_score) std::ranges::sort(hits, {}, [](const Hit& hit) { return hit.passage.id; });
  } else {
    for (const auto& passage : documents.passages) hits.push_back({.passage = passage});
  }
  return model.tokenize(
      std::format("Answer from the passages.\n\n{}\n\nQuestion: {}\nAnswer:", numbered(hits), question));
}

struct Cost {
  double wall = 0;
  double cpu = 0;
};

double all_at(const std::function<void(std::size_t)>& one) {
  std::atomic<std::size_t> next = 0;
  const auto before = bench::Clock::now();
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < at_once; ++i)
      callers.emplace_back([&] {
        for (auto index = next++; index < questions; index = next++) one(index);
      });
  }
  return seconds(bench::Clock::now() - before);
}

Cost run_here(const LlamaLM& lm, const Documents& documents, const Arrangement& how) {
  auto& engine = lm.engine();
  const auto before = cpu_seconds();
  const auto wall = all_at([&](std::size_t i) {
    wait(engine.generate({.prompt = prompt(engine.model(), documents, how, documents.questions[i]),
                          .sampling = {.max_tokens = reply_tokens, .temperature = 0},
                          .ignores_end = true}));
  });
  return {.wall = wall, .cpu = cpu_seconds() - before};
}

Cost run_there(const Server& server, const std::vector<Tokens>& prompts) {
  const auto before = server.cpu_seconds();
  const auto wall = all_at([&](std::size_t i) { server.complete(prompts[i], reply_tokens, ""); });
  return {.wall = wall, .cpu = server.cpu_seconds() - before};
}

struct Peer {
  const char* name;
  std::vector<std::string> options;
};

std::vector<Peer> peers() {
  return {{"llama-server, defaults", {"-c", std::to_string(4 * longest)}},
          {"llama-server -np 1", {"-c", std::to_string(longest), "-np", "1"}},
          {"llama-server -np 16 -no-kvu",
           {"-c", std::to_string(at_once * longest), "-np", std::to_string(at_once), "--no-kv-unified"}}};
}

void print(const char* name, const std::vector<Cost>& costs, const std::vector<Cost>* ours) {
  std::vector<double> wall, cpu, wall_ratio, cpu_ratio;
  for (std::size_t i = 0; i < costs.size(); ++i) {
    wall.push_back(costs[i].wall);
    cpu.push_back(costs[i].cpu);
    if (ours != nullptr) {
      wall_ratio.push_back(costs[i].wall / (*ours)[i].wall);
      cpu_ratio.push_back(costs[i].cpu / (*ours)[i].cpu);
    }
  }
  std::printf("  %-30s %8.2f s wall %8.2f s processor", name, median(wall), median(cpu));
  if (ours != nullptr) std::printf("   ours is %.1f / %.1f times as fast", median(wall_ratio), median(cpu_ratio));
  std::printf("\n");
}

void measure(const std::string& file, int threads, int rounds, const Arrangement& how) {
  std::vector<Cost> ours;
  const auto all = peers();
  std::vector<std::vector<Cost>> theirs(all.size());
  std::size_t tokens = 0, computed = 0, passages = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<Tokens> prompts;
    {
      const LlamaLM lm(file, {.engine = {.context_length = longest, .sequences = at_once, .threads = threads},
                              .model = {.gpu_layers = 0}});
      const auto set = documents(lm.engine().model());
      passages = set.passages.size();
      wait(lm.engine().generate({.prompt = random_tokens(8, 1), .sampling = {.max_tokens = 4, .temperature = 0}}));
      const auto before = lm.engine().stats().computed_tokens;
      ours.push_back(run_here(lm, set, how));
      computed = lm.engine().stats().computed_tokens - before;
      for (const auto& question : set.questions) prompts.push_back(prompt(lm.engine().model(), set, how, question));
    }
    tokens = 0;
    for (const auto& each : prompts) tokens += each.size();
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Server server(file, threads, all[i].options);
      if (!server.runs()) continue;
      server.complete(random_tokens(8, 1), 4, "");
      theirs[i].push_back(run_there(server, prompts));
    }
  }
  std::printf("\n%s (%zu): %zu tokens of prompts, of which we read %zu\n", how.title, passages, tokens, computed);
  print("dspy, search and all", ours, nullptr);
  for (std::size_t i = 0; i < all.size(); ++i)
    if (!theirs[i].empty()) print(all[i].name, theirs[i], &ours);
  if (theirs.front().empty())
    std::printf("  llama-server is not installed (Debian: llama.cpp-tools), so there is nothing to compare with\n");
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto status = usage(argc, argv, usage_text)) return *status;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::string file = "models/dspy-tiny.gguf";
  int threads = 1, rounds = 3;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--threads" && i + 1 < argc)
      threads = std::atoi(argv[++i]);
    else if (argument == "--rounds" && i + 1 < argc)
      rounds = std::atoi(argv[++i]);
    else
      file = argument;
  }
  for (const auto& how : arrangements) measure(file, threads, rounds, how);
}
