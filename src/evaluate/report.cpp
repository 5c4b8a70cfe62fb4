#include "dspy/evaluate/report.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/evaluate/forecasts.hpp"
#include "evaluate/interval.hpp"
#include "evaluate/row_json.hpp"

#include <algorithm>
#include <cstddef>
#include <format>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

std::string plain(const Json& value) {
  return value.is_string() ? std::string(view(value.get_string())) : to_text(value);
}

/// One line of at most so many bytes, cut between characters.
std::string shortened(std::string text, std::size_t most) {
  std::ranges::replace(text, '\n', ' ');
  if (text.size() <= most) return text;
  auto end = most - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string joined(const JsonObject& values) {
  std::string out;
  for (const auto& value : values) {
    if (!out.empty()) out += ", ";
    out += plain(value.value());
  }
  return out;
}

std::string cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string score_line(const EvaluationResult& result) {
  auto out = std::format("{}: {:.2f} %", result.metric, result.score);
  if (result.interval) {
    out += std::format(" ({:.0f} % interval {:.1f} to {:.1f})", 100 * result.confidence, result.interval->low,
                       result.interval->high);
  }
  return out;
}

/// What it cost, if that is known and not nothing.
std::optional<std::string> dollars(const Usage& usage) {
  constexpr double nano = 1e-9;
  if (usage.cost_nanodollars.value_or(0) == 0) return std::nullopt;
  return std::format("${:.4f}", nano * static_cast<double>(*usage.cost_nanodollars));
}

double number_at(const JsonObject& from, std::string_view name) {
  const auto* const value = from.if_contains(name);
  if (value == nullptr || !value->is_number())
    throw Error(Errc::config_error, std::format("the results of an evaluation have no number `{}`", name));
  return value->to_number<double>();
}

std::vector<std::string> names_at(const JsonObject& from, std::string_view name) {
  std::vector<std::string> out;
  if (const auto* const names = from.if_contains(name); names != nullptr && names->is_array()) {
    for (const auto& each : names->get_array()) {
      if (each.is_string()) out.emplace_back(view(each.get_string()));
    }
  }
  return out;
}

JsonArray to_array(const std::vector<std::string>& names) {
  return JsonArray(names.begin(), names.end());  // not a list of two iterators
}

}  // namespace

std::string to_line(const EvaluationProgress& progress) {
  auto out = std::format("{}/{} | {:.2f} %", progress.done, progress.total, progress.score);
  if (progress.failures > 0) out += std::format(" | {} failed", progress.failures);
  if (progress.seconds > 0) out += std::format(" | {:.1f}/s", static_cast<double>(progress.done) / progress.seconds);
  if (progress.seconds_left) out += std::format(" | {:.0f} s left", *progress.seconds_left);
  if (const auto tokens = progress.usage.total_tokens()) out += std::format(" | {} tokens", *tokens);
  if (const auto cost = dollars(progress.usage)) out += " | " + *cost;
  return out;
}

std::vector<Slice> slices(const EvaluationResult& result,
                          const std::function<std::string(const EvaluatedRow& row)>& name_of) {
  std::vector<Slice> out;
  std::vector<std::vector<double>> scores;
  for (const auto& row : result.rows) {
    if (!row.is_done) continue;
    auto name = name_of(row);
    auto found = std::ranges::find(out, name, &Slice::name);
    if (found == out.end()) {
      out.push_back({.name = std::move(name)});
      scores.emplace_back();
      found = out.end() - 1;
    }
    ++found->done;
    found->failures += row.error ? 1 : 0;
    scores[static_cast<std::size_t>(found - out.begin())].push_back(row.score.value);
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].score = 100 * statistics::mean(scores[i]);
    out[i].interval = score_interval(scores[i], result.confidence);
  }
  return out;
}

std::vector<Slice> slices(const EvaluationResult& result, std::string_view field) {
  return slices(result, [&](const EvaluatedRow& row) {
    const auto* const value = row.example.get(field);
    return value == nullptr ? std::string("(none)") : plain(*value);
  });
}

std::vector<FailureKind> failure_kinds(const EvaluationResult& result) {
  std::vector<FailureKind> out;
  for (const auto& row : result.rows) {
    if (!row.error) continue;
    const auto known = std::ranges::find(out, row.error->code(), &FailureKind::code);
    if (known != out.end())
      ++known->count;
    else
      out.push_back({.message = row.error->what(), .code = row.error->code(), .count = 1});
  }
  std::ranges::stable_sort(out, std::ranges::greater(), &FailureKind::count);
  return out;
}

std::string to_table(const EvaluationResult& result, std::size_t rows) {
  auto out = score_line(result) + "\n";
  const auto cost = dollars(result.usage);
  out += std::format("{} of {} examples, {} failed, {} requests, {:.1f} s{}\n", result.done, result.rows.size(),
                     result.failures, result.usage.requests, result.seconds, cost ? ", " + *cost : std::string());
  constexpr std::size_t longest_message = 300;
  for (const auto& kind : failure_kinds(result))
    out += std::format("  {} failed: {}\n", kind.count, shortened(kind.message, longest_message));
  for (const auto& [name, forecasts] : forecasts_of(result))
    out += std::format("probabilities of {} answers `{}`: Brier score {:.3f}, calibration error {:.3f}\n",
                       forecasts.size(), name, statistics::brier(forecasts), statistics::calibration_error(forecasts));
  if (result.stopped) out += std::format("not complete: {}\n", result.stopped->what());
  std::vector<const EvaluatedRow*> worst;
  for (const auto& row : result.rows) {
    if (row.is_done) worst.push_back(&row);
  }
  std::ranges::stable_sort(worst, {}, [](const EvaluatedRow* row) { return row->score.value; });
  if (rows > 0 && !worst.empty())
    out += std::format("\n{:>5}  {:>6}  {:<40}  {}\n", "row", "score", "inputs", "outputs");
  for (std::size_t i = 0; i < std::min(rows, worst.size()); ++i) {
    const auto& row = *worst[i];
    const auto outputs = row.error ? std::string("error: ") + row.error->what() : joined(row.prediction.data);
    out += std::format("{:>5}  {:>6.3g}  {:<40}  {}\n", row.index, row.score.value,
                       shortened(joined(row.example.inputs()), 40), shortened(outputs, 60));
  }
  return out;
}

JsonObject to_json(const EvaluationResult& result, bool with_rows) {
  JsonObject out{{"metric", result.metric}, {"score", result.score}, {"mean", result.mean}};
  if (result.interval)
    out["interval"] =
        JsonObject{{"low", result.interval->low}, {"high", result.interval->high}, {"confidence", result.confidence}};
  out["n"] = result.rows.size();
  out["done"] = result.done;
  out["failures"] = result.failures;
  if (result.failures > 0) {
    JsonArray errors;
    for (const auto& kind : failure_kinds(result))
      errors.push_back(JsonObject{{"kind", to_string(kind.code)}, {"count", kind.count}, {"message", kind.message}});
    out["errors"] = std::move(errors);
  }
  out["requests"] = result.usage.requests;
  out["usage"] = to_json(result.usage);
  out["seconds"] = result.seconds;
  JsonObject calibration;
  for (const auto& [name, forecasts] : forecasts_of(result))
    calibration[name] = JsonObject{{"n", forecasts.size()},
                                   {"brier", statistics::brier(forecasts)},
                                   {"calibration_error", statistics::calibration_error(forecasts)}};
  if (!calibration.empty()) out["calibration"] = std::move(calibration);
  if (result.stopped) out["stopped"] = to_json(*result.stopped);
  if (!with_rows) return out;
  JsonArray rows;
  for (const auto& row : result.rows) {
    auto written = row.is_done ? row_to_json(row) : JsonObject{{"index", row.index}};
    written["example"] = row.example.data;
    written["inputs"] = to_array(row.example.input_keys);
    if (!row.trace.empty()) written["trace"] = trace_to_json(row.trace);
    rows.push_back(std::move(written));
  }
  out["rows"] = std::move(rows);
  return out;
}

EvaluationResult evaluation_from_json(const JsonObject& written) {
  EvaluationResult out;
  const auto* const rows = written.if_contains("rows");
  const auto* const metric = written.if_contains("metric");
  if (rows == nullptr || !rows->is_array() || metric == nullptr || !metric->is_string()) {
    throw Error(Errc::config_error,
                "these are not results of an evaluation: `metric` or `rows` is missing; write them by `dspy eval "
                "--output FILE.json`");
  }
  out.metric = view(metric->get_string());
  out.score = number_at(written, "score");
  out.mean = number_at(written, "mean");
  out.seconds = number_at(written, "seconds");
  if (const auto* const usage = written.if_contains("usage"); usage != nullptr && usage->is_object())
    out.usage = usage_from_json(usage->get_object());
  for (const auto& item : rows->get_array()) {
    if (!item.is_object()) throw Error(Errc::config_error, "a row of the results is not an object");
    const auto& each = item.get_object();
    auto& row = out.rows.emplace_back();
    row.index = static_cast<std::size_t>(number_at(each, "index"));
    if (const auto* const example = each.if_contains("example"); example != nullptr && example->is_object())
      row.example = Example(example->get_object(), names_at(each, "inputs"));
    if (!each.contains("score")) continue;
    row_from_json(each, row);
    ++out.done;
    out.failures += row.error ? 1 : 0;
  }
  return out;
}

std::string to_csv(const EvaluationResult& result) {
  std::vector<std::string> columns, outputs;
  const auto note = [](std::vector<std::string>& names, const JsonObject& values) {
    for (const auto& value : values) {
      if (std::string name(value.key()); !std::ranges::contains(names, name)) names.push_back(std::move(name));
    }
  };
  for (const auto& row : result.rows) {
    note(columns, row.example.data);
    note(outputs, row.prediction.data);
  }
  std::string out;
  for (const auto& name : columns) out += cell(name) + ",";
  for (const auto& name : outputs) out += cell((std::ranges::contains(columns, name) ? "pred_" : "") + name) + ",";
  out += "score,feedback,error\r\n";
  const auto add = [&](const JsonObject& values, const std::vector<std::string>& names) {
    for (const auto& name : names) {
      const auto* const value = values.if_contains(name);
      out += (value == nullptr || value->is_null() ? std::string() : cell(plain(*value))) + ",";
    }
  };
  for (const auto& row : result.rows) {
    add(row.example.data, columns);
    add(row.prediction.data, outputs);
    if (row.is_done) out += std::format("{}", row.score.value);
    out += "," + cell(row.score.feedback) + "," + (row.error ? cell(row.error->what()) : std::string()) + "\r\n";
  }
  return out;
}

}  // namespace dspy
