#include "dspy/optimize/kernel/report.hpp"
#include "dspy/optimize/kernel/search.hpp"
#include "evaluate/html_text.hpp"

#include <algorithm>
#include <format>

namespace dspy::optimize {
namespace {

constexpr std::string_view style =
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#1b1b1b}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd;"
    "vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}tr.chosen{background:#eef6ee}"
    "pre{white-space:pre-wrap;background:#f6f6f6;padding:.6rem;margin:.3rem 0}summary{cursor:pointer}"
    "svg{width:100%;height:auto}@media(prefers-color-scheme:dark){body{background:#161616;color:#e6e6e6}"
    "pre{background:#222}tr.chosen{background:#1d2b1d}th,td{border-color:#333}}";

/// The best score over the requests made, as steps.
std::string curve_of(const Report& report) {
  if (report.curve.size() < 2) return {};
  constexpr double width = 800, height = 220, left = 48, top = 12, bottom = 28;
  const auto [low_at, high_at] = std::ranges::minmax_element(report.curve, {}, &CurvePoint::best);
  const double low = low_at->best;
  const double span = std::max(high_at->best - low, 1e-9);
  const auto most = static_cast<double>(std::max<std::uint64_t>(report.curve.back().requests, 1));
  const auto x_of = [&](const CurvePoint& point) {
    return left + (width - left - 8) * static_cast<double>(point.requests) / most;
  };
  const auto y_of = [&](double best) { return top + (height - top - bottom) * (1 - (best - low) / span); };
  std::string path = std::format("M{:.1f} {:.1f}", x_of(report.curve.front()), y_of(report.curve.front().best));
  for (const auto& point : report.curve) path += std::format("H{:.1f}V{:.1f}", x_of(point), y_of(point.best));
  return std::format(
      "<h2>Best score over requests</h2><svg viewBox=\"0 0 {} {}\" role=\"img\"><path d=\"{}\" fill=\"none\" "
      "stroke=\"#2a7d46\" stroke-width=\"2\"/><text x=\"2\" y=\"{}\" font-size=\"12\" fill=\"currentColor\">{} %</text>"
      "<text x=\"2\" y=\"{}\" font-size=\"12\" fill=\"currentColor\">{} %</text><text x=\"{}\" y=\"{}\" "
      "font-size=\"12\" text-anchor=\"end\" fill=\"currentColor\">{} requests</text></svg>\n",
      width, height, path, y_of(high_at->best) + 4, percent(high_at->best), y_of(low) + 4, percent(low), width - 8,
      height - 8, report.curve.back().requests);
}

std::string prompts_of(const JsonObject& prompts) {
  std::string out;
  for (const auto& each : prompts) {
    const auto& prompt = each.value().as_object();
    const auto& demos = prompt.at("demos").as_array();
    out += std::format("<b>{}</b><pre>{}</pre>", html_text(each.key()),
                       html_text(view(prompt.at("instructions").as_string())));
    for (const auto& demo : demos) out += std::format("<pre>{}</pre>", html_text(to_pretty_text(demo)));
  }
  return out;
}

std::string row_of(const Report& report, std::size_t number) {
  const auto& each = report.candidates[number];
  std::string parents;
  for (const auto parent : each.parents) parents += std::format(" #{}", parent);
  return std::format(
      "<tr{}><td class=\"n\">{}</td><td class=\"n\">{}</td><td><details><summary>{}{}</summary>{}</details></td>"
      "<td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
      report.chosen == number ? " class=\"chosen\"" : "", number,
      each.score ? std::format("{:.2f}", percent(*each.score)) : "–", html_text(each.origin),
      parents.empty() ? "" : ", from" + parents, prompts_of(each.prompts), each.prompt_size,
      each.tokens ? std::format("{:.0f}", *each.tokens) : "–");
}

}  // namespace

std::string to_html(const Report& report) {
  auto out = std::format(
      "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>{0}</title><style>{1}</style>\n<h1>{0}</h1>\n",
      html_text(report.optimizer), style);
  if (const auto score = report.score()) {
    const auto first = std::ranges::find_if(report.candidates, [](const auto& each) { return each.score.has_value(); });
    out += std::format("<p>Best: <b>{:.2f} %</b> by {} on {} examples (first measured: {:.2f} %).</p>\n",
                       percent(*score), html_text(report.metric), report.examples, percent(*first->score));
  }
  out += std::format("<p>{} requests, {} runs of the program ({} were known), {:.1f} s.</p>\n", report.usage.requests,
                     report.rollouts, report.cached_rollouts, report.seconds);
  if (!report.stopped.empty()) out += std::format("<p>It ended early: {}.</p>\n", html_text(report.stopped));
  for (const auto& note : report.notes) out += std::format("<p>Note: {}.</p>\n", html_text(note));
  out += curve_of(report);
  out +=
      "<h2>What was tried</h2><table><tr><th>#</th><th>Score</th><th>Made by</th><th>Prompt, bytes</th><th>Tokens of a "
      "run</th></tr>\n";
  for (std::size_t i = 0; i < report.candidates.size(); ++i) out += row_of(report, i);
  return out + "</table></html>\n";
}

}  // namespace dspy::optimize
