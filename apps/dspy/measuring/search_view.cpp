#include "measuring/search_view.hpp"

#include "command.hpp"
#include "dspy/optimize/kernel/search.hpp"

#include <unistd.h>

#include <format>
#include <iostream>
#include <optional>
#include <string>

namespace dspy::app {
namespace {

std::string percent_of(const std::optional<double>& score) {
  return score ? std::format("{:.2f} %", optimize::percent(*score)) : "not measured";
}

}  // namespace

std::function<void(const optimize::Event&)> live_view() {
  if (::isatty(STDERR_FILENO) == 0) return {};
  return [](const optimize::Event& event) {
    std::cerr << "\r\x1b[K" << optimize::to_line(event);
    if (event.kind == optimize::Event::Kind::evaluated) std::cerr << '\n';
    std::cerr.flush();
  };
}

void tell_search(const optimize::Report& report, const std::string& path, bool as_json) {
  if (as_json) {
    auto object = optimize::to_json(report);
    object["out"] = path;
    return print_json(object);
  }
  std::optional<double> before;
  for (const auto& each : report.candidates) {
    if (!before) before = each.score;
  }
  print_line(std::format("{}: {} before, {} after, on {} examples", report.optimizer, percent_of(before),
                         percent_of(report.score()), report.examples));
  const auto cost = report.usage.cost_nanodollars.value_or(0);
  print_line(std::format("{} requests, {} runs, {:.1f} s{}; saved as {}", report.usage.requests, report.rollouts,
                         report.seconds, cost > 0 ? std::format(", ${:.4f}", 1e-9 * static_cast<double>(cost)) : "",
                         path));
  if (const auto* const weights = report.details.if_contains("weights"))
    print_line("Weights, for --model: " + to_text(*weights));
  if (!report.stopped.empty()) print_line("It ended early: " + report.stopped);
  for (const auto& note : report.notes) print_line("Note: " + note);
}

}  // namespace dspy::app
