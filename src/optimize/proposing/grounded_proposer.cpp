#include "optimize/proposing/grounded_proposer.hpp"

#include "dspy/signature/signature.hpp"
#include "optimize/proposing/proposing.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <string_view>
#include <utility>

namespace dspy::optimize {
namespace {

constexpr std::string_view observe_task =
    "You see some rows of a dataset. Write down what is typical of them: what they are about, what form the values "
    "have, "
    "and what the task seems to be. If there are earlier observations, add only what is new; if nothing is, write "
    "COMPLETE.";
constexpr std::string_view summarize_task =
    "Sum up these observations about a dataset in two or three sentences that would help somebody who has to write "
    "instructions for the task.";
constexpr std::string_view describe_program_task =
    "You see the steps of a program that works by language models, with the fields that each reads and writes. Say "
    "what "
    "the program is for and how its steps work together, in a few sentences.";
constexpr std::string_view describe_step_task =
    "You see a program that works by language models, and one of its steps. Say what this step has to do for the "
    "others, in one or two sentences.";
constexpr std::string_view write_task =
    "Write the instruction for one step of a program that works by language models. It will stand at the beginning of "
    "the prompt, before the fields. Use what is known about the data and the program; do not repeat it. Write only the "
    "instruction.";

/// What makes proposals differ from each other.
constexpr std::array<std::string_view, 6> tips = {
    "",
    "Be creative: take another angle than the instruction there is.",
    "Keep it simple and short.",
    "Make it detailed: say what to look at and what to avoid.",
    "Say what is at stake, so that the model takes care.",
    "Give the model a role that suits the task, such as that of an expert in it.",
};

constexpr std::size_t most_batches = 10;
constexpr std::size_t most_skipped = 5;
constexpr std::size_t most_demos = 3;

std::string rows_of(const std::vector<Example>& examples, std::size_t first, std::size_t count) {
  std::string out;
  for (auto i = first; i < std::min(examples.size(), first + count); ++i) out += to_text(examples[i].data) + "\n";
  return out;
}

std::string steps_of(const Program& program) {
  std::string out;
  program.for_each_predictor([&](const std::string& path, const Predictor& predictor) {
    out += std::format("{}: {}\n  {}\n", path, to_notation(predictor.signature()), predictor.signature().instructions);
  });
  return out;
}

class Proposer {
 public:
  Proposer(Search& search, const Program& student, const MiproOptions& options, PythonRandom& random)
      : search_(search), student_(student), options_(options), random_(random) {}

  void look_at(const std::vector<Example>& trainset) {
    if (options_.data_aware_proposer) about_data_ = summary_of(trainset);
    if (!options_.program_aware_proposer) return;
    about_program_ = say("program_steps -> program_description", describe_program_task,
                         {{"program_steps", steps_of(student_)}}, "program_description");
  }

  std::vector<std::string> instructions_for(const std::string& path, const std::vector<DemosByPath>& demo_sets,
                                            std::size_t count) {
    const auto& predictor = predictor_at(student_, path);
    std::string about_step;
    if (options_.program_aware_proposer) {
      about_step = say("program_steps, program_description, step -> step_description", describe_step_task,
                       {{"program_steps", steps_of(student_)}, {"program_description", about_program_}, {"step", path}},
                       "step_description");
    }
    const auto pen = writer(
        "dataset_description, program_steps, program_description, step, step_description, demonstrations, "
        "basic_instruction, tip -> proposed_instruction",
        write_task, options_.prompt_model, student_);
    std::vector<Inquiry> questions;
    for (std::size_t i = 1; i < count; ++i) {
      const auto tip = tips[options_.tip_aware_proposer ? static_cast<std::size_t>(random_.below(tips.size())) : 0];
      questions.push_back(
          {.predictor = pen,
           .inputs = {{"dataset_description", about_data_},
                      {"program_steps", steps_of(student_)},
                      {"program_description", about_program_},
                      {"step", std::format("{}: {}", path, to_notation(predictor.signature()))},
                      {"step_description", about_step},
                      {"demonstrations", shown(path, demo_sets, i)},
                      {"basic_instruction", predictor.signature().instructions},
                      {"tip", tip}},
           .draw = {.number = random_.below(1'000'000'000) + 1, .temperature = options_.init_temperature}});
    }
    std::vector<std::string> out = {predictor.signature().instructions};
    for (const auto& answer : search_.ask(std::move(questions))) {
      if (!answer) continue;
      auto instruction = clean_instruction(text_of(*answer, "proposed_instruction"));
      if (instruction.empty() || std::ranges::contains(out, instruction)) continue;
      search_.tell({.kind = Event::Kind::proposed, .text = instruction});
      out.push_back(std::move(instruction));
    }
    return out;
  }

 private:
  std::string say(std::string_view notation, std::string_view task, JsonObject inputs, std::string_view output) {
    const auto answer = search_.ask({.predictor = writer(notation, task, options_.prompt_model, student_),
                                     .inputs = std::move(inputs),
                                     .draw = {.number = 1, .temperature = 1}});
    return answer ? text_of(*answer, output) : std::string();
  }

  std::string summary_of(const std::vector<Example>& trainset) {
    const auto size = std::max<std::size_t>(options_.view_data_batch_size, 1);
    std::string observations;
    std::size_t skipped = 0;
    for (std::size_t batch = 0; batch < most_batches && batch * size < trainset.size(); ++batch) {
      const auto more =
          say("rows, observations_so_far -> observations", observe_task,
              {{"rows", rows_of(trainset, batch * size, size)}, {"observations_so_far", observations}}, "observations");
      if (more.starts_with("COMPLETE")) {
        if (++skipped == most_skipped) break;
      } else if (!more.empty()) {
        observations += (observations.empty() ? "" : "\n") + more;
      }
    }
    if (observations.empty()) return {};
    return say("observations -> summary", summarize_task, {{"observations", observations}}, "summary");
  }

  /// Up to three bootstrapped demonstrations, from the set of that number on.
  std::string shown(const std::string& path, const std::vector<DemosByPath>& demo_sets, std::size_t first) const {
    std::string out;
    std::size_t count = 0;
    for (std::size_t i = 0; options_.fewshot_aware_proposer && i < demo_sets.size(); ++i) {
      for (const auto& demo : demo_sets[(first + i) % demo_sets.size()].at(path)) {
        if (!demo.data.contains("augmented") || count == most_demos) continue;
        out += to_text(JsonObject{{"inputs", demo.inputs()}, {"outputs", demo.outputs()}}) + "\n";
        ++count;
      }
    }
    return out.empty() ? "There are none." : out;
  }

  Search& search_;
  const Program& student_;
  const MiproOptions& options_;
  PythonRandom& random_;
  std::string about_data_;
  std::string about_program_;
};

}  // namespace

std::vector<std::vector<std::string>> propose_instructions(Search& search, const Program& student,
                                                           const std::vector<Example>& trainset,
                                                           const std::vector<DemosByPath>& demo_sets, std::size_t count,
                                                           const MiproOptions& options, PythonRandom& random) {
  Proposer proposer(search, student, options, random);
  proposer.look_at(trainset);
  std::vector<std::vector<std::string>> out;
  for (const auto& path : paths_of(student)) out.push_back(proposer.instructions_for(path, demo_sets, count));
  return out;
}

}  // namespace dspy::optimize
