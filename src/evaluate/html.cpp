#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/evaluate/forecasts.hpp"
#include "dspy/evaluate/report.hpp"
#include "dspy/modules/traversal.hpp"
#include "evaluate/html_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <format>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {
namespace {

constexpr std::string_view head = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --line: #8884; --bad: #c33; --good: #283; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } .big { font-size: 2.4rem; font-weight: 600; } .dim { opacity: .7; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .6rem; vertical-align: top;
  border-bottom: 1px solid var(--line); } th { cursor: pointer; user-select: none; white-space: nowrap; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.t { max-width: 30rem; overflow-wrap: anywhere; } .bad { color: var(--bad); } .good { color: var(--good); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #8881; padding: .6rem; margin: .3rem 0; }
summary { cursor: pointer; } input { font: inherit; padding: .3rem .5rem; width: 20rem; margin: 1rem 0; }
</style>
)";

constexpr std::string_view script = R"(<script>
const table = document.getElementById('rows'), body = table.tBodies[0];
[...table.tHead.rows[0].cells].forEach((cell, column) => cell.addEventListener('click', () => {
  const down = cell.dataset.down = cell.dataset.down === '1' ? '0' : '1';
  const key = row => row.cells[column].dataset.key ?? row.cells[column].textContent;
  const order = (a, b) => { const x = key(a), y = key(b), d = x - y; return Number.isNaN(d) ? x.localeCompare(y) : d; };
  [...body.rows].sort((a, b) => down === '1' ? order(a, b) : order(b, a)).forEach(row => body.append(row));
}));
document.getElementById('find').addEventListener('input', event => {
  const wanted = event.target.value.toLowerCase();
  for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
});
</script>
)";

std::string plain(const Json& value) {
  return value.is_string() ? std::string(view(value.get_string())) : to_text(value);
}

std::string values_html(const JsonObject& values) {
  std::string out;
  for (const auto& value : values)
    out += std::format("<b>{}</b> {}<br>", html_text(value.key()), html_text(plain(value.value())));
  return out;
}

/// How many rows reach which score, in ten bars.
std::string histogram(const EvaluationResult& result) {
  constexpr std::size_t bars = 10;
  double low = 0, high = 1;
  for (const auto& row : result.rows) {
    if (!row.is_done) continue;
    low = std::min(low, row.score.value);
    high = std::max(high, row.score.value);
  }
  std::array<std::size_t, bars> counts = {};
  for (const auto& row : result.rows) {
    if (!row.is_done) continue;
    const auto place = (row.score.value - low) / (high - low) * static_cast<double>(bars);
    ++counts[std::min(static_cast<std::size_t>(place), bars - 1)];
  }
  const auto most = std::max<std::size_t>(1, std::ranges::max(counts));
  std::string out = "<svg width=\"340\" height=\"110\" role=\"img\" aria-label=\"histogram of scores\">";
  for (std::size_t i = 0; i < bars; ++i) {
    const auto height = 80 * counts[i] / most;
    out += std::format(
        "<rect x=\"{}\" y=\"{}\" width=\"30\" height=\"{}\" fill=\"currentColor\" opacity=\".55\"><title>{} "
        "rows</title></rect>",
        i * 34, 90 - height, height, counts[i]);
  }
  return out + std::format(
                   "<text x=\"0\" y=\"106\" font-size=\"12\" fill=\"currentColor\">{:.3g}</text>"
                   "<text x=\"310\" y=\"106\" font-size=\"12\" fill=\"currentColor\">{:.3g}</text></svg>",
                   low, high);
}

std::string slices_html(const EvaluationResult& result, const std::string& field) {
  if (field.empty()) return {};
  std::string out =
      std::format("<h2>By {}</h2><table><tr><th>{}</th><th>examples</th><th>score</th><th>interval</th></tr>",
                  html_text(field), html_text(field));
  for (const auto& slice : slices(result, field)) {
    out += std::format("<tr><td>{}</td><td class=n>{}</td><td class=n>{:.2f} %</td><td class=n>{}</td></tr>",
                       html_text(slice.name), slice.done, slice.score,
                       slice.interval ? std::format("{:.1f} – {:.1f}", slice.interval->low, slice.interval->high) : "");
  }
  return out + "</table>";
}

/// How often what was said with a probability was right, in bins of it, beside the line of perfect calibration.
std::string calibration_html(const EvaluationResult& result) {
  constexpr std::size_t bins = 10;
  constexpr int side = 160;
  std::string out;
  for (const auto& [name, forecasts] : forecasts_of(result)) {
    std::array<double, bins> said = {}, right = {};
    std::array<std::size_t, bins> counts = {};
    for (const auto& each : forecasts) {
      const auto bin = std::min(static_cast<std::size_t>(each.probability * bins), bins - 1);
      said.at(bin) += each.probability;
      right.at(bin) += each.happened ? 1 : 0;
      ++counts.at(bin);
    }
    out += std::format(
        "<h2>Probabilities of {}</h2><p class=dim>{} answers, Brier score {:.3f}, calibration error "
        "{:.3f}: how often they were right (up) by how probable they were said to be (right)</p>",
        html_text(name), forecasts.size(), statistics::brier(forecasts), statistics::calibration_error(forecasts));
    out += std::format(
        "<svg width=\"{0}\" height=\"{0}\" role=\"img\" aria-label=\"calibration\">"
        "<path d=\"M0 {0}L{0} 0\" stroke=\"currentColor\" opacity=\".3\"/>",
        side);
    for (std::size_t i = 0; i < bins; ++i) {
      if (counts.at(i) == 0) continue;
      const auto count = static_cast<double>(counts.at(i));
      out += std::format(
          "<circle cx=\"{:.0f}\" cy=\"{:.0f}\" r=\"{:.1f}\" fill=\"currentColor\" opacity=\".6\">"
          "<title>{} answers, {:.0f} % right</title></circle>",
          side * said.at(i) / count, side * (1 - right.at(i) / count),
          3 + 7 * std::sqrt(count / static_cast<double>(forecasts.size())), counts.at(i), 100 * right.at(i) / count);
    }
    out += "</svg>\n";
  }
  return out;
}

using Predictors = std::map<std::string, const Predictor*>;

std::string prompt_html(const Predictors& predictors, const TraceStep& step) {
  const auto found = predictors.find(step.path);
  if (found == predictors.end()) return {};
  const auto prompt = attempt([&] { return found->second->render(step.inputs); });
  if (!prompt) return {};
  std::string out;
  for (std::size_t i = 0; i < prompt->size(); ++i) {
    const auto& message = (*prompt)[i];
    out += std::format("<span class=dim>{}</span><pre>{}</pre>", to_string(message.role), html_text(message.text()));
  }
  return out;
}

std::string details_html(const EvaluatedRow& row, const Predictors& predictors) {
  std::string out = "<details><summary>more</summary>";
  if (!row.prediction.reasoning.empty())
    out += std::format("<span class=dim>thoughts</span><pre>{}</pre>", html_text(row.prediction.reasoning));
  if (!row.prediction.completion.empty() && row.trace.empty())
    out += std::format("<span class=dim>reply</span><pre>{}</pre>", html_text(row.prediction.completion));
  for (const auto& step : row.trace) {
    out += std::format("<b>{}</b>{}<span class=dim>reply</span><pre>{}</pre>", html_text(step.path),
                       prompt_html(predictors, step), html_text(step.prediction.completion));
  }
  return out + "</details>";
}

std::string row_html(const EvaluatedRow& row, const Predictors& predictors) {
  if (!row.is_done) return std::format("<tr><td class=n>{}</td><td colspan=6 class=dim>not run</td></tr>\n", row.index);
  const auto tokens = row.usage.total_tokens();
  return std::format(
      "<tr><td class=n>{0}</td><td class=\"n {1}\">{2:.4g}</td><td class=t>{3}</td><td class=t>{4}</td><td "
      "class=t>{5}</td>"
      "<td class=n>{6}</td><td class=n data-key=\"{7}\">{7:.2f} s</td></tr>\n",
      row.index,
      row.error              ? "bad"
      : row.score.value >= 1 ? "good"
                             : "",
      row.score.value, values_html(row.example.data),
      row.error
          ? std::format("<span class=bad>{}</span>", html_text(row.error->what())) + values_html(row.prediction.data)
          : values_html(row.prediction.data),
      html_text(row.score.feedback) + details_html(row, predictors), tokens ? std::to_string(*tokens) : "",
      row.seconds);
}

}  // namespace

std::string to_html(const EvaluationResult& result, const HtmlOptions& options) {
  Predictors predictors;
  if (options.program != nullptr) {
    options.program->for_each_predictor(
        [&](const std::string& path, const Predictor& predictor) { predictors.emplace(path, &predictor); });
  }
  auto out = std::string(head);
  out += std::format("<title>{0}</title></head><body><h1>{0}</h1>\n", html_text(options.title));
  out += std::format("<p><span class=big>{:.2f} %</span> {}", result.score, html_text(result.metric));
  if (result.interval) {
    out += std::format(", {:.0f} % interval {:.1f} to {:.1f}", 100 * result.confidence, result.interval->low,
                       result.interval->high);
  }
  out += std::format("</p><p class=dim>{} of {} examples, {} failed, {} requests, {:.1f} s</p>\n", result.done,
                     result.rows.size(), result.failures, result.usage.requests, result.seconds);
  if (result.stopped) out += std::format("<p class=bad>Not complete: {}</p>\n", html_text(result.stopped->what()));
  out += histogram(result) + calibration_html(result) + slices_html(result, options.slice_by);
  out +=
      "<p><input id=find placeholder=\"Find in rows\" aria-label=\"Find in rows\"></p><table id=rows><thead><tr>"
      "<th>row</th><th>score</th><th>example</th><th>outputs</th><th>feedback</th><th>tokens</th><th>time</th>"
      "</tr></thead><tbody>\n";
  for (const auto& row : result.rows) out += row_html(row, predictors);
  return out + "</tbody></table>\n" + std::string(script) + "</body></html>\n";
}

}  // namespace dspy
