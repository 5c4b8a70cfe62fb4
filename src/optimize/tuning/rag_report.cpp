#include "dspy/base/json.hpp"
#include "dspy/base/unicode.hpp"
#include "dspy/evaluate/comparison.hpp"
#include "dspy/optimize/tuning/rag_tuning.hpp"
#include "dspy/retrieve/documents/chunk.hpp"
#include "evaluate/html_text.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

/// The start of a prompt, in quotes, on one line.
std::string prompt_words(const std::string& prompt) {
  constexpr std::size_t most = 60;
  auto start = text::code_points(prompt);
  const bool is_cut = start.size() > most;
  if (is_cut) start.resize(most);
  std::ranges::replace_if(start, [](char32_t c) { return c == U'\n' || c == U'\t'; }, U' ');
  return std::format("\"{}{}\"", text::to_utf8(start), is_cut ? "…" : "");
}

std::string words_of(const RagSetting& setting) {
  return std::format(
      "{}, {} tokens, overlap {}, k {}{}{}{}", to_string(setting.method), setting.tokens, setting.overlap, setting.k,
      setting.hybrid ? std::format(", hybrid (words {})", setting.word_weight) : "", setting.rerank ? ", reranked" : "",
      setting.prompt.empty() ? std::string() : ", prompt " + prompt_words(setting.prompt));
}

std::string held_out_words(const RagTuning& tuning) {
  if (!tuning.held_out)
    return tuning.best == tuning.first
               ? "The first setting is the best of those tried."
               : "Too few questions were held out to say how far the difference can be trusted.";
  const auto& found = *tuning.held_out;
  return std::format(
      "On {} questions held out: {:.1f} -> {:.1f} ({:+.1f}, {:.0f} % interval {:+.1f} to {:+.1f}, p = {:.3f}).",
      found.n, found.a, found.b, found.difference, 100 * found.confidence, found.interval.low, found.interval.high,
      found.p_value);
}

/// The mean score of the trials with each choice of a dimension.
std::vector<std::pair<std::string, std::vector<std::pair<std::string, double>>>> effects(const RagTuning& tuning) {
  std::vector<std::pair<std::string, std::vector<std::pair<std::string, double>>>> out;
  const auto add = [&](std::string name, auto choice_of) {
    std::map<std::string, std::pair<double, double>> sums;
    for (const auto& trial : tuning.trials) {
      auto& [sum, count] = sums[choice_of(trial.setting)];
      sum += trial.score;
      ++count;
    }
    if (sums.size() < 2) return;
    auto& row = out.emplace_back(std::move(name), std::vector<std::pair<std::string, double>>());
    for (const auto& [choice, sum] : sums) row.second.emplace_back(choice, sum.first / sum.second);
    std::ranges::sort(row.second, [](const auto& a, const auto& b) { return a.second > b.second; });
  };
  add("method", [](const RagSetting& s) { return std::string(to_string(s.method)); });
  add("tokens", [](const RagSetting& s) { return std::format("{}", s.tokens); });
  add("overlap", [](const RagSetting& s) { return std::format("{}", s.overlap); });
  add("k", [](const RagSetting& s) { return std::format("{}", s.k); });
  add("search", [](const RagSetting& s) {
    return s.hybrid ? std::format("hybrid, words {}", s.word_weight) : std::string("one way");
  });
  add("prompt", [](const RagSetting& s) { return s.prompt.empty() ? std::string("its own") : prompt_words(s.prompt); });
  add("rerank", [](const RagSetting& s) { return std::string(s.rerank ? "yes" : "no"); });
  return out;
}

constexpr std::string_view head = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tuning of a search</title><style>
:root { color-scheme: light dark; } body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem;
padding: 0 1rem; } table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem;
border-bottom: 1px solid #8884; } td.n { text-align: right; font-variant-numeric: tabular-nums; }
.bar { background: #48a; height: .8rem; display: inline-block; } h2 { font-size: 1.1rem; margin-top: 2rem; }
</style></head><body>
)";

std::string bar(double share) {
  return std::format("<span class=\"bar\" style=\"width:{:.1f}%\"></span>", std::clamp(share, 0.0, 1.0) * 100);
}

}  // namespace

std::string to_table(const RagTuning& tuning, std::size_t rows) {
  std::string out = std::format("{:>7}  {:>8}  setting\n", to_string(tuning.aim), "passages");
  for (std::size_t i = 0; i < std::min(rows, tuning.trials.size()); ++i) {
    const auto& trial = tuning.trials[i];
    out += std::format("{:7.1f}  {:8}  {}{}\n", 100 * trial.score, trial.passages, words_of(trial.setting),
                       trial.setting == tuning.first ? "  (first)" : "");
  }
  if (rows < tuning.trials.size()) out += std::format("… and {} more\n", tuning.trials.size() - rows);
  return out + held_out_words(tuning) + "\n";
}

JsonObject to_json(const RagTuning& tuning) {
  JsonArray trials;
  for (const auto& trial : tuning.trials)
    trials.push_back(
        JsonObject{{"setting", to_json(trial.setting)}, {"score", trial.score}, {"passages", trial.passages}});
  JsonObject out{{"aim", to_string(tuning.aim)},
                 {"best", to_json(tuning.best)},
                 {"first", to_json(tuning.first)},
                 {"tuning_questions", tuning.tuning_questions},
                 {"held_out_questions", tuning.held_out_questions},
                 {"trials", std::move(trials)}};
  if (tuning.held_out) out["held_out"] = to_json(*tuning.held_out);
  return out;
}

std::string to_html(const RagTuning& tuning) {
  std::string out(head);
  out += std::format("<h1>Tuning of a search</h1><p>Best: <b>{}</b></p><p>{}</p><p>{} settings on {} questions.</p>",
                     html_text(words_of(tuning.best)), held_out_words(tuning), tuning.trials.size(),
                     tuning.tuning_questions);
  for (const auto& [name, choices] : effects(tuning)) {
    out += std::format("<h2>{}: mean {} of the trials with it</h2><table>", name, to_string(tuning.aim));
    for (const auto& [choice, mean] : choices)
      out += std::format("<tr><td style=\"width:12rem\">{}<td class=\"n\" style=\"width:5rem\">{:.1f}<td>{}",
                         html_text(choice), 100 * mean, bar(mean));
    out += "</table>";
  }
  out += std::format("<h2>All settings</h2><table><tr><th>{}<th><th>passages<th>setting", to_string(tuning.aim));
  for (const auto& trial : tuning.trials)
    out += std::format("<tr><td class=\"n\">{:.1f}<td style=\"width:12rem\">{}<td class=\"n\">{}<td>{}",
                       100 * trial.score, bar(trial.score), trial.passages, html_text(words_of(trial.setting)));
  return out + "</table></body></html>\n";
}

}  // namespace dspy
