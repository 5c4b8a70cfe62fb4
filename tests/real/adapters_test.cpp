// A real model, SmolLM2-135M-Instruct, asked through every adapter at temperature 0: whatever it says, its reply can be
// read.  `tools/real_models.py` installs it; DSPY_REAL_MODELS says where.

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "dspy/modules/chain_of_thought.hpp"
#include "dspy/modules/predictor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <vector>

namespace dspy {
namespace {

constexpr std::array adapters = {"field", "chat", "json", "xml"};

struct Task {
  std::string name, notation, file;
  std::vector<std::string> inputs, outputs;
};

const std::vector<Task> tasks = {
    {"triage",
     "ticket -> category: Literal['hardware', 'billing', 'account', 'outage', 'bug', 'feature', 'question'], "
     "priority: Literal['low', 'medium', 'high']",
     "tests/real/tickets.jsonl",
     {"ticket"},
     {"category", "priority"}},
    {"sentiment",
     "text -> sentiment: Literal['positive', 'negative']",
     "tests/real/sentiments.jsonl",
     {"text"},
     {"sentiment"}},
};

std::vector<JsonObject> read_lines(const std::string& file) {
  std::vector<JsonObject> out;
  const auto text = read_file(file, 1 << 20);
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    if (end > at) out.push_back(parse_json(std::string_view(text).substr(at, end - at)).value().as_object());
    at = end + 1;
  }
  return out;
}

struct Totals {
  int replies = 0, unreadable = 0, right = 0, values = 0, closed = 0;
  std::uint64_t prompt_tokens = 0, reply_tokens = 0;
};

Totals ask_all(const std::shared_ptr<LM>& lm, const Task& task, std::string_view adapter_name, bool reasons) {
  auto signature = Signature::parse(task.notation);
  if (reasons) signature = with_reasoning(signature);
  const Predictor predictor(signature, {.lm = lm,
                                        .adapter = adapter(adapter_name),
                                        .sampling = {.max_tokens = 256, .temperature = 0},
                                        .policy = {.ask_again = 0}});
  Totals out;
  for (const auto& line : read_lines(task.file)) {
    JsonObject inputs;
    for (const auto& name : task.inputs) inputs[name] = line.at(name);
    ++out.replies;
    const auto result = attempt([&] { return predictor(inputs); });
    out.values += static_cast<int>(task.outputs.size());
    if (!result) {
      ++out.unreadable;
      MESSAGE(std::string(result.error().what()));
      continue;
    }
    for (const auto& name : task.outputs) out.right += result->at(name) == line.at(name) ? 1 : 0;
    for (const auto& flag : result->flags)
      out.closed += flag.repair == "closed_early" || flag.repair == "loop_ended" ? 1 : 0;
    out.prompt_tokens += *result->usage().prompt_tokens;
    out.reply_tokens += *result->usage().completion_tokens;
  }
  return out;
}

TEST_CASE("a real model that was trained on nothing of ours gives no unreadable reply, through any adapter") {
  const char* const folder = std::getenv("DSPY_REAL_MODELS");
  REQUIRE(folder != nullptr);
  const auto lm =
      std::make_shared<LlamaLM>((std::filesystem::path(folder) / "SmolLM2-135M-Instruct.Q4_1.gguf").string());
  std::string table =
      "\n| task | reasoning | adapter | unreadable | right | closed early | prompt tokens | reply tokens "
      "|\n|---|---|---|--:|--:|--:|--:|--:|\n";
  for (const auto& task : tasks) {
    for (const bool reasons : {false, true}) {
      for (const auto* const name : adapters) {
        CAPTURE(task.name);
        CAPTURE(reasons);
        CAPTURE(name);

        const auto totals = ask_all(lm, task, name, reasons);

        CHECK(totals.replies == 40);
        CHECK(totals.unreadable == 0);
        table += std::format("| {} | {} | {} | {} of {} | {} of {} | {} | {} | {} |\n", task.name,
                             reasons ? "yes" : "no", name, totals.unreadable, totals.replies, totals.right,
                             totals.values, totals.closed, totals.prompt_tokens / 40, totals.reply_tokens / 40);
      }
    }
  }
  MESSAGE(table);
}

}  // namespace
}  // namespace dspy
