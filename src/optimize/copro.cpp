#include "dspy/optimize/copro.hpp"

#include "dspy/base/text.hpp"
#include "optimize/demos.hpp"
#include "optimize/options.hpp"
#include "optimize/proposing/proposing.hpp"
#include "optimize/screening.hpp"

#include <algorithm>
#include <format>
#include <map>
#include <utility>

namespace dspy {
namespace {

using namespace optimize;

constexpr std::string_view first_notation = "basic_instruction -> proposed_instruction, proposed_label";
constexpr std::string_view first_task =
    "You improve the instructions that language models work by. Read the instruction that is in use, and write one "
    "that "
    "would lead a good model to do the same task better. Also write a short label, to stand before the last output in "
    "place of its name. Be bold: try something that is not like the instruction you were given.";
constexpr std::string_view next_notation = "attempted_instructions -> proposed_instruction, proposed_label";
constexpr std::string_view next_task =
    "You improve the instructions that language models work by. You see instructions that were tried, worst first, "
    "each "
    "with its label for the last output and the score it reached; more is better. Find out what the better ones have "
    "in common, and write an instruction and a label that would score higher still.";

struct Wording {
  std::string instruction;
  std::string label;

  bool operator==(const Wording&) const = default;
};

/// What a wording reached, with the others' best wordings at the time.
struct Tried {
  Wording wording;
  double score = 0;
  std::size_t candidate = 0;
};

std::string unquoted(std::string_view text) {
  while (text.starts_with('"')) text.remove_prefix(1);
  while (text.ends_with('"')) text.remove_suffix(1);
  return std::string(text::trim(text));
}

Wording wording_of(const Predictor& predictor) {
  const auto& signature = predictor.signature();
  return {signature.instructions, signature.outputs.back().label};
}

Program with_wording(Program program, std::string_view path, const Wording& wording) {
  program.for_each_predictor([&](const std::string& name, Predictor& predictor) {
    if (name != path) return;
    auto signature = predictor.signature().with_instructions(wording.instruction);
    auto labelled = signature;
    labelled.outputs.back().label = wording.label;
    // A label may be one that no prompt can have, or another field's: then it stays what it is.
    const bool fits = attempt([&] { validate(labelled); }).has_value() && !wording.label.empty() &&
                      std::ranges::none_of(signature.inputs, [&](const Field& f) { return f.label == wording.label; });
    predictor.set_signature(fits ? std::move(labelled) : std::move(signature));
  });
  return program;
}

class Ascent {
 public:
  Ascent(Search& search, const CoproOptions& options, const Program& student, std::span<const Example> rows)
      : search_(search),
        options_(options),
        student_(student),
        current_(student),
        rows_(rows),
        paths_(paths_of(student)) {}

  void run() {
    for (const auto& path : paths_) latest_[path] = first(path);
    all_ = latest_;
    for (std::size_t depth = 0; depth < options_.depth; ++depth) {
      for (const auto& path : paths_) {
        measure(path, paths_.size() > 1 ? all_[path] : latest_[path], depth);
        current_ = with_wording(std::move(current_), path, best_of(path).wording);
      }
      if (depth + 1 == options_.depth) break;
      std::map<std::string, std::vector<Wording>> next;
      for (const auto& path : paths_) next[path] = better(path);
      for (const auto& [path, wordings] : next) std::ranges::copy(wordings, std::back_inserter(all_[path]));
      latest_ = std::move(next);
    }
  }

 private:
  std::vector<Wording> propose(const Predictor& predictor, const JsonObject& inputs, std::size_t count) {
    std::vector<Inquiry> questions;
    for (std::size_t i = 0; i < count; ++i) {
      questions.push_back({.predictor = predictor,
                           .inputs = inputs,
                           .draw = {.number = i + 1, .temperature = options_.init_temperature}});
    }
    std::vector<Wording> out;
    for (const auto& answer : search_.ask(std::move(questions))) {
      if (!answer) continue;
      Wording wording{unquoted(text_of(*answer, "proposed_instruction")), unquoted(text_of(*answer, "proposed_label"))};
      while (wording.label.ends_with(':')) wording.label.pop_back();
      if (wording.instruction.empty()) continue;
      search_.tell({.kind = Event::Kind::proposed, .text = wording.instruction});
      out.push_back(std::move(wording));
    }
    return out;
  }

  std::vector<Wording> first(const std::string& path) {
    const auto& predictor = predictor_at(student_, path);
    auto out = propose(writer(first_notation, first_task, options_.prompt_model, student_),
                       {{"basic_instruction", predictor.signature().instructions}}, options_.breadth - 1);
    out.push_back(wording_of(predictor));
    return out;
  }

  std::vector<Wording> better(const std::string& path) {
    auto ranked = tried_[path];
    std::ranges::stable_sort(ranked, std::ranges::greater(), &Tried::score);
    ranked.resize(std::min(ranked.size(), options_.breadth));
    std::ranges::reverse(ranked);
    std::string attempts;
    for (std::size_t i = 0; i < ranked.size(); ++i) {
      attempts += std::format("Instruction #{0}: {1}\nLabel #{0}: {2}\nScore #{0}: {3}\n", i + 1,
                              ranked[i].wording.instruction, ranked[i].wording.label, percent(ranked[i].score));
    }
    return propose(writer(next_notation, next_task, options_.prompt_model, student_),
                   {{"attempted_instructions", attempts}}, options_.breadth);
  }

  void measure(const std::string& path, const std::vector<Wording>& wordings, std::size_t depth) {
    std::vector<std::size_t> numbers;
    for (const auto& wording : wordings) {
      numbers.push_back(search_.add(with_wording(current_, path, wording),
                                    std::format("instruction of `{}`, depth {}", path, depth)));
    }
    const bool is_chosen_from = options_.screen_to || options_.race;
    if (is_chosen_from) {
      screen_and_race(search_, numbers, rows_, options_.screen_to, options_.race);
    } else {
      search_.run_ahead(numbers, rows_);
    }
    auto& tried = tried_[path];
    for (std::size_t i = 0; i < wordings.size(); ++i) {
      const auto& known_score = search_.candidates()[numbers[i]].score;
      if (is_chosen_from && !known_score) continue;
      const double score = is_chosen_from ? *known_score : search_.evaluate(numbers[i], rows_);
      const auto known = std::ranges::find(tried, wordings[i], &Tried::wording);
      if (known == tried.end()) {
        tried.push_back({wordings[i], score, numbers[i]});
      } else if (score > known->score) {
        *known = {wordings[i], score, numbers[i]};
      }
    }
    // If none was worth measuring, the last one stays: in the first round that is the wording there was.
    if (tried.empty()) tried.push_back({wordings.back(), search_.evaluate(numbers.back(), rows_), numbers.back()});
  }

  const Tried& best_of(const std::string& path) const {
    return *std::ranges::max_element(tried_.at(path), {}, &Tried::score);
  }

  Search& search_;
  const CoproOptions& options_;
  const Program& student_;
  Program current_;
  std::span<const Example> rows_;
  std::vector<std::string> paths_;
  std::map<std::string, std::vector<Wording>> latest_, all_;
  std::map<std::string, std::vector<Tried>> tried_;
};

}  // namespace

Copro::Copro(CoproOptions options) : options_(std::move(options)) {
  if (options_.breadth < 2)
    throw Error(Errc::invalid_parameter, "Copro needs a breadth of at least 2: one is the instruction there is");
  if (options_.depth < 1) throw Error(Errc::invalid_parameter, "Copro needs a depth of at least 1");
}

Optimized Copro::compile(const Program& student, const Training& training) const {
  require_metric("Copro", options_.metric);
  Search search("Copro",
                {{"breadth", options_.breadth},
                 {"depth", options_.depth},
                 {"init_temperature", options_.init_temperature},
                 {"screen_to", json_of(options_.screen_to)},
                 {"race", json_of(options_.race)}},
                student, options_.metric, training);
  require_screening(options_.screen_to, options_.race);
  return search.complete([&] {
    const auto& rows = training.valset.empty() ? training.trainset : training.valset;
    search.evaluate(search.add(student, "the program as it was"), rows);
    Ascent(search, options_, student, rows).run();
  });
}

}  // namespace dspy
