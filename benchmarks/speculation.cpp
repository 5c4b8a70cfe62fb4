// What drafts by prompt lookup, or by a smaller model, gain and cost: the same requests, one at a time, with and
// without.
//
// The first kinds of work copy from the prompt, which is what drafts are for; the others hardly do.  Runs alternate;
// medians.  Processor time is the steadier figure on a machine that others use too.  Replies with and without are
// compared, token by token.

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/llama/engine.hpp"
#include "dspy/llama/model.hpp"
#include "support/measure.hpp"
#include "support/usage.hpp"

#include <cstdio>
#include <cstdlib>
#include <format>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace dspy;
using namespace dspy::bench;

constexpr std::string_view usage_text = R"(usage: bench-speculation [OPTION...]

The same requests, one at a time, with and without guesses of what comes next.

  --rounds N        runs of both; their medians are printed (5)
  --threads N       threads of both (1)
  --file FILE       a model, *.gguf (the embedded one: models/dspy-tiny.gguf)
  --draft FILE      a smaller model that guesses
  --memory N        tokens of earlier replies to guess from (0); with some, each round after the first asks what was
                    asked before
  --speculation on  guess whatever can be, whether it pays or not
)";

/// Names that no model knows, so each takes several tokens.
std::string made_up(std::size_t number, std::size_t syllables) {
  static constexpr const char* parts[] = {"za", "vi", "ko", "dre", "lu", "mba", "ste", "nil", "ro", "ja", "fe", "gam"};
  std::string name;
  for (std::size_t i = 0; i < syllables; ++i) name += parts[(number * 7 + i * (number + 5)) % 12];
  name.front() = static_cast<char>(name.front() - 'a' + 'A');
  return name;
}

struct Work {
  const char* name;
  std::vector<llama::Generation> requests{};
};

std::string facts(std::size_t i, bool many) {
  const auto a = made_up(i, 5), b = made_up(i + 31, 5);
  auto text = std::format("{} lives in {}. {} owns a rabbit. {} speaks Swedish.", a, made_up(i + 11, 4), a, a);
  if (many)
    text += std::format(" {} lives in {}. {} drinks lemonade at work. {} lives in {}.", b, made_up(i + 47, 4), b,
                        made_up(i + 71, 5), made_up(i + 83, 4));
  return text;
}

std::vector<Work> all_work(const llama::Model& model) {
  const auto chat = [&](const char* notation, const char* instructions, const JsonObject& inputs,
                        llama::Constrain constrain, double temperature) {
    const auto exchange =
        adapter("field")->prepare(std::make_shared<const Signature>(Signature::parse(notation, instructions)));
    return llama::Generation{.prompt = model.tokenize(exchange->format(inputs)),
                             .sampling = {.max_tokens = 200, .temperature = temperature, .seed = 7},
                             .contract = exchange->contract(),
                             .constrain = constrain};
  };
  const auto text = [](const std::string& value) { return Json(value); };
  std::vector<Work> all = {{"a full sentence"},      {"a record of four fields"},   {"a record, held to its contract"},
                           {"a list of names"},      {"reasoning, then an answer"}, {"triage of tickets"},
                           {"sums, with reasoning"}, {"free text at temperature 1"}};
  for (std::size_t i = 0; i < 12; ++i) {
    const auto who = made_up(i, 5);
    const auto question = std::format("Where does {} live?", who);
    const auto record = "text -> name, city, pet, language";
    all[0].requests.push_back(chat("context, question -> answer", "Answer with a full sentence.",
                                   {{"context", text(facts(i, true))}, {"question", text(question)}},
                                   llama::Constrain::on, 0));
    all[1].requests.push_back(chat(record, "", {{"text", text(facts(i, false))}}, llama::Constrain::off, 0));
    all[2].requests.push_back(chat(record, "", {{"text", text(facts(i, false))}}, llama::Constrain::on, 0));
    all[3].requests.push_back(chat("text -> people: list[str]", "List the people.", {{"text", text(facts(i, true))}},
                                   llama::Constrain::on, 0));
    all[4].requests.push_back(chat("context, question -> reasoning, answer", "",
                                   {{"context", text(facts(i, true))}, {"question", text(question)}},
                                   llama::Constrain::on, 0));
    all[5].requests.push_back(
        chat("ticket -> category, priority: Literal['low','medium','high'], refund: bool", "Sort the support ticket.",
             {{"ticket", text(std::format("My order A-{} arrived broken.", 1043 + 7 * i))}}, llama::Constrain::on, 0));
    all[6].requests.push_back(chat("question -> reasoning, answer: int", "",
                                   {{"question", text(std::format("What is {} + {}?", 17 + 3 * i, 25 + 5 * i))}},
                                   llama::Constrain::on, 0));
    all[7].requests.push_back({.prompt = model.tokenize(std::format("Ticket {}: ", i) + facts(i, true)),
                               .sampling = {.max_tokens = 100, .temperature = 1, .seed = i},
                               .ignores_end = true});
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto status = usage(argc, argv, usage_text)) return *status;
  int rounds = 5, threads = 1, memory = 0;
  std::string file = "models/dspy-tiny.gguf";
  std::string draft;
  auto speculation = llama::Speculation::automatic;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--rounds") rounds = std::atoi(argv[i + 1]);
    if (option == "--memory") memory = std::atoi(argv[i + 1]);
    if (option == "--threads") threads = std::atoi(argv[i + 1]);
    if (option == "--file") file = argv[i + 1];
    if (option == "--draft") draft = argv[i + 1];
    if (option == "--speculation" && argv[i + 1] == std::string("on")) speculation = llama::Speculation::on;
  }
  try {
    const auto model = llama::Model::load(file, {.gpu_layers = 0});
    const auto draft_model = draft.empty() ? nullptr : llama::Model::load(draft, {.gpu_layers = 0});
    const auto work = all_work(*model);
    std::printf("%-34s %7s %7s %8s %9s %9s %9s\n", "", "tokens", "drafted", "accepted", "steps", "wall", "processor");
    for (const auto& [name, requests] : work) {
      llama::Engine off(
          model, {.context_length = 1024, .sequences = 1, .threads = threads, .speculation = llama::Speculation::off});
      llama::Engine on(model, {.context_length = 1024,
                               .sequences = 1,
                               .threads = threads,
                               .speculation = speculation,
                               .draft_memory = memory,
                               .draft_model = draft_model});
      std::vector<double> walls, processors;
      int different = 0;
      // Prompts are known, so that only replies are timed.
      for (const auto& request : requests) {
        const auto a = wait(off.generate(request)), b = wait(on.generate(request));
        different += a.text != b.text;
      }
      const auto before_off = off.stats(), before_on = on.stats();
      for (int round = 0; round < rounds; ++round) {
        double wall[2] = {}, processor[2] = {};
        for (const auto& request : requests) {
          for (int side = 0; side < 2; ++side) {
            const auto start = Clock::now();
            const auto cpu = cpu_seconds();
            wait((side == 0 ? off : on).generate(request));
            wall[side] += seconds(Clock::now() - start);
            processor[side] += cpu_seconds() - cpu;
          }
        }
        walls.push_back(wall[0] / wall[1]);
        processors.push_back(processor[0] / processor[1]);
      }
      const auto a = off.stats(), b = on.stats();
      const auto each = [&](std::uint64_t count) {
        return static_cast<double>(count) / static_cast<double>(requests.size()) / rounds;
      };
      std::printf("%-34s %7.1f %7.1f %8.1f %8.2fx %8.2fx %8.2fx%s\n", name,
                  each(b.completion_tokens - before_on.completion_tokens),
                  each(b.drafted_tokens - before_on.drafted_tokens),
                  each(b.accepted_tokens - before_on.accepted_tokens),
                  static_cast<double>(a.steps - before_off.steps) / static_cast<double>(b.steps - before_on.steps),
                  median(walls), median(processors),
                  different == 0 ? "" : std::format("   {} replies differ", different).c_str());
    }
  } catch (const Error& error) {
    std::fprintf(stderr, "bench-speculation: %s\n", error.what());
    return 1;
  }
}
