#include "optimize/proposing/instruction_proposer.hpp"

#include "optimize/proposing/proposing.hpp"

#include <format>
#include <utility>

namespace dspy::optimize {
namespace {

constexpr std::string_view task =
    "You improve the instruction of one step of a program that works by language models. You see the instruction, and "
    "for some examples what the step was given, what it answered and how that was judged. Find out what the judgements "
    "have in common: what the step must know, which form its answers must have, which mistakes it repeats. Write a new "
    "instruction that puts it right: keep what works, state the rules that were missing, and give facts that the model "
    "needs and the examples show. It must hold for other examples too, so do not recount these. Write the instruction "
    "alone.";
constexpr std::string_view shorten_task =
    "Shorten this instruction to the given length without losing a rule or a fact. Write the instruction alone.";

/// Characters, not bytes.
std::size_t length_of(std::string_view text) noexcept {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return count;
}

/// The text of the first fenced block, else all of it.
std::string_view unfenced(std::string_view text) {
  const auto begin = text.find("```");
  const auto end = text.rfind("```");
  if (begin == std::string_view::npos || begin == end) return text;
  const auto line = text.find('\n', begin);
  if (line == std::string_view::npos || line > end) return text;
  return text.substr(line + 1, end - line - 1);
}

std::string written(const std::vector<ReflectiveExample>& examples) {
  std::string out;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    const auto& each = examples[i];
    out += std::format("# Example {}\n## Given\n{}## Answered\n{}\n## Judged\n{}\n", i + 1, listed(each.inputs),
                       each.outputs.empty() ? each.reply : listed(each.outputs), each.feedback);
  }
  return out;
}

}  // namespace

std::string propose_instruction(Search& search, const Program& student, const Reflection& reflection,
                                const std::shared_ptr<LM>& lm, const InstructionProposerOptions& options,
                                std::uint64_t number) {
  std::string notation;
  JsonObject inputs;
  // What stays the same comes first, so that prompts begin alike.
  if (!options.skills.empty()) {
    notation += "reference_skills, ";
    std::string all;
    for (const auto& skill : options.skills) all += skill + "\n";
    inputs["reference_skills"] = std::move(all);
  }
  if (!options.additional_instructions.empty()) {
    notation += "additional_instructions, ";
    inputs["additional_instructions"] = options.additional_instructions;
  }
  if (options.max_chars) {
    notation += "length_limit, ";
    inputs["length_limit"] = std::format("at most {} characters", *options.max_chars);
  }
  notation += "current_instruction, examples_with_feedback -> new_instruction";
  inputs["current_instruction"] = reflection.current_instruction;
  inputs["examples_with_feedback"] = written(reflection.examples);
  const auto answer = search.ask({.predictor = writer(notation, task, lm, student),
                                  .inputs = std::move(inputs),
                                  .draw = {.number = number, .temperature = 1}});
  if (!answer) return {};
  auto instruction = clean_instruction(unfenced(text_of(*answer, "new_instruction")));
  if (!options.max_chars || length_of(instruction) <= *options.max_chars) return instruction;
  const auto shorter =
      search.ask({.predictor = writer("instruction, length_limit -> shorter_instruction", shorten_task, lm, student),
                  .inputs = {{"instruction", instruction},
                             {"length_limit", std::format("at most {} characters", *options.max_chars)}},
                  .draw = {.number = number, .temperature = 1}});
  instruction = shorter ? clean_instruction(unfenced(text_of(*shorter, "shorter_instruction"))) : "";
  if (length_of(instruction) <= *options.max_chars) return instruction;
  search.note(std::format("an instruction stayed longer than {} characters and was dropped", *options.max_chars));
  return {};
}

}  // namespace dspy::optimize
