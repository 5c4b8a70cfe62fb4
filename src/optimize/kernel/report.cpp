#include "dspy/optimize/kernel/report.hpp"

#include "dspy/optimize/kernel/search.hpp"

#include <format>
#include <utility>

namespace dspy::optimize {
namespace {

std::uint64_t tokens_of(const Usage& usage) {
  return usage.total_tokens().value_or(usage.prompt_tokens.value_or(0) + usage.completion_tokens.value_or(0));
}

JsonArray to_array(const std::vector<double>& values) {
  JsonArray out;
  out.reserve(values.size());
  for (const auto value : values) out.emplace_back(value);
  return out;
}

}  // namespace

std::string_view to_string(Event::Kind kind) noexcept {
  switch (kind) {
    case Event::Kind::candidate: return "made";
    case Event::Kind::minibatch: return "measured on a minibatch";
    case Event::Kind::evaluated: return "measured";
    case Event::Kind::proposed: return "proposed";
    case Event::Kind::note: return "note";
  }
  return "note";
}

std::string to_line(const Event& event) {
  auto line = std::format("{} calls · {} tokens · ", event.used.requests, tokens_of(event.used));
  if (const auto cost = event.used.cost_nanodollars.value_or(0); cost > 0)
    line += std::format("${:.4f} · ", 1e-9 * static_cast<double>(cost));
  line += event.best ? std::format("best {} % · ", percent(*event.best)) : "best – · ";
  if (event.kind == Event::Kind::note || event.kind == Event::Kind::proposed)
    return line + std::format("{}: {}", to_string(event.kind), event.text);
  line += std::format("#{} {}", event.candidate, to_string(event.kind));
  if (event.score) line += std::format(": {} %", percent(*event.score));
  if (!event.text.empty()) line += std::format(" ({})", event.text);
  return line;
}

std::optional<double> Report::score() const {
  if (!chosen) return std::nullopt;
  return candidates[*chosen].score;
}

JsonObject to_json(const Report& report) {
  JsonArray candidates;
  for (const auto& each : report.candidates) {
    JsonObject candidate = {{"origin", each.origin}, {"prompt_size", each.prompt_size}, {"prompts", each.prompts}};
    if (!each.parents.empty()) {
      JsonArray parents;
      for (const auto parent : each.parents) parents.emplace_back(parent);
      candidate["parents"] = std::move(parents);
    }
    if (each.score) candidate["score"] = *each.score;
    if (each.value) candidate["value"] = *each.value;
    if (each.tokens) candidate["tokens"] = *each.tokens;
    if (each.seconds) candidate["seconds"] = *each.seconds;
    if (!each.row_scores.empty()) candidate["row_scores"] = to_array(each.row_scores);
    if (!each.minibatch_scores.empty()) candidate["minibatch_scores"] = to_array(each.minibatch_scores);
    candidates.emplace_back(std::move(candidate));
  }
  JsonArray curve;
  for (const auto& point : report.curve) {
    curve.emplace_back(JsonObject{
        {"requests", point.requests}, {"tokens", point.tokens}, {"seconds", point.seconds}, {"best", point.best}});
  }
  JsonArray notes;
  for (const auto& note : report.notes) notes.emplace_back(note);
  JsonObject out = {{"optimizer", report.optimizer}, {"options", report.options}, {"metric", report.metric}};
  if (report.chosen) out["chosen"] = *report.chosen;
  if (const auto score = report.score()) out["score"] = *score;
  out["examples"] = report.examples;
  out["usage"] = dspy::to_json(report.usage);
  out["rollouts"] = report.rollouts;
  out["cached_rollouts"] = report.cached_rollouts;
  out["replayed_requests"] = report.replayed_requests;
  out["retries"] = report.retries;
  out["seconds"] = report.seconds;
  if (!report.stopped.empty()) out["stopped"] = report.stopped;
  out["notes"] = std::move(notes);
  if (!report.details.empty()) out["details"] = report.details;
  out["curve"] = std::move(curve);
  out["candidates"] = std::move(candidates);
  return out;
}

}  // namespace dspy::optimize
