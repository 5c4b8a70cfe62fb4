#include "optimize/proposing/instruction_proposer.hpp"

#include "optimize/proposing/proposing.hpp"

#include <cstdint>
#include <format>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

Inquiry question_for(const Program& student, const Reflection& reflection, const std::shared_ptr<LM>& lm,
                     const InstructionProposerOptions& options, std::uint64_t number) {
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
  return {.predictor = writer(notation, task, lm, student),
          .inputs = std::move(inputs),
          .draw = {.number = number, .temperature = 1}};
}

std::string instruction_in(const std::optional<Prediction>& answer, const char* field) {
  return answer ? clean_instruction(unfenced(text_of(*answer, field))) : std::string();
}

/// Sends back those that are too long, once, and drops those that stay so.
void shorten(Search& search, const Program& student, std::vector<std::string>& instructions,
             const std::shared_ptr<LM>& lm, std::size_t most, std::uint64_t first) {
  std::vector<std::size_t> places;
  std::vector<Inquiry> questions;
  for (std::size_t i = 0; i < instructions.size(); ++i) {
    if (length_of(instructions[i]) <= most) continue;
    places.push_back(i);
    questions.push_back(
        {.predictor = writer("instruction, length_limit -> shorter_instruction", shorten_task, lm, student),
         .inputs = {{"instruction", instructions[i]}, {"length_limit", std::format("at most {} characters", most)}},
         .draw = {.number = first + i, .temperature = 1}});
  }
  if (questions.empty()) return;
  const auto answers = search.ask(std::move(questions));
  for (std::size_t k = 0; k < places.size(); ++k) {
    auto shorter = instruction_in(answers[k], "shorter_instruction");
    if (length_of(shorter) > most) {
      search.note(std::format("an instruction stayed longer than {} characters and was dropped", most));
      shorter.clear();
    }
    instructions[places[k]] = std::move(shorter);
  }
}

}  // namespace

std::vector<std::string> propose_instructions(Search& search, const Program& student,
                                              const std::vector<Reflection>& reflections, const std::shared_ptr<LM>& lm,
                                              const InstructionProposerOptions& options, std::uint64_t first) {
  std::vector<Inquiry> questions;
  for (std::size_t i = 0; i < reflections.size(); ++i)
    questions.push_back(question_for(student, reflections[i], lm, options, first + i));
  std::vector<std::string> out;
  for (const auto& answer : search.ask(std::move(questions))) out.push_back(instruction_in(answer, "new_instruction"));
  if (options.max_chars) shorten(search, student, out, lm, *options.max_chars, first);
  return out;
}

}  // namespace dspy::optimize
