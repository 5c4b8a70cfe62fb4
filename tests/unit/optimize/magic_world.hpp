#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/optimize/optimizer.hpp"
#include "worlds.hpp"

#include <atomic>
#include <cstdint>
#include <format>
#include <limits>
#include <memory>
#include <string>
#include <utility>

// A world whose best prompt is known: one with the word "magic", or enough demonstrations.

namespace dspy::test::magic {

/// Right if the instruction has the word, or a demonstration of the same remainder is shown; else for every third
/// question, and others at other draws.
inline std::string worker(const test::Asked& asked) {
  bool is_right = asked.instructions.find("magic") != std::string::npos || (asked.question + asked.draw) % 3 == 0;
  for (const auto k : asked.shown) is_right = is_right || k % 3 == asked.question % 3;
  return is_right ? std::format("a{}", asked.question) : "wrong";
}

/// What a model writes that is asked for prompts: now and then the word is in it.
inline std::string writer(const Request& request) {
  const auto seed = request.sampling.seed.value_or(0);
  std::string reply;
  for (const auto& field : request.contract.signature->outputs) {
    std::string value = "words of number " + std::to_string(seed);
    if (field.name == "proposed_instruction" || field.name == "new_instruction" || field.name == "rules") {
      value = seed % 4 == 3 ? "Use the magic word." : "Try number " + std::to_string(seed % 7) + ".";
    } else if (field.name == "proposed_label") {
      value = "Answer";
    } else if (field.name == "advice") {
      value = seed % 2 == 0 ? R"({"answer": "Use the magic word."})" : R"({"answer": "Take care."})";
    }
    reply += field.label + ": " + value + "\n";
  }
  return reply;
}

/// One model for both, which counts and may fail for good after some requests.
struct Models {
  std::shared_ptr<std::atomic<std::uint64_t>> paid = std::make_shared<std::atomic<std::uint64_t>>(0);

  std::shared_ptr<LM> make(std::uint64_t last = std::numeric_limits<std::uint64_t>::max()) const {
    auto given = std::make_shared<std::atomic<std::uint64_t>>(0);
    const auto answers = test::model_of(worker);
    auto lm = std::make_shared<ScriptedLM>(
        [paid = paid, given, answers, last](const Request& request) -> Reply {
          if (given->fetch_add(1) >= last) throw Error(Errc::billing_error, "the money is gone");
          paid->fetch_add(1);
          const auto& output = request.contract.signature->outputs.front().name;
          if (output == "answer" || output == "hint") return wait(answers->complete(request));
          return Reply(Completion{.text = writer(request)},
                       {.requests = 1, .prompt_tokens = 10, .completion_tokens = 5});
        },
        "worker and writer");
    lm->remember(false);
    return lm;
  }
};

inline Training training(SearchOptions search = {}) {
  search.seeds_requests = false;
  return {.trainset = test::examples_of(12), .valset = test::examples_of(15, 100), .search = std::move(search)};
}

inline Program student(std::shared_ptr<LM> lm) {
  return with_lm(Program(test::One()), lm);
}

}  // namespace dspy::test::magic
