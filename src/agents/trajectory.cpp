#include "dspy/agents/trajectory.hpp"

#include "dspy/base/error.hpp"

#include <chrono>
#include <cstdint>
#include <format>
#include <map>
#include <optional>
#include <utility>

namespace dspy {
namespace {

using Kind = AgentEvent::Kind;

std::string time_text(std::int64_t milliseconds) {
  const std::chrono::sys_time<std::chrono::milliseconds> time{std::chrono::milliseconds(milliseconds)};
  return std::format("{:%FT%T}Z", time);
}

std::string usage_text(const Usage& usage) {
  std::string out = std::format("{} request{}", usage.requests, usage.requests == 1 ? "" : "s");
  if (const auto tokens = usage.total_tokens()) out += std::format(", {} tokens", *tokens);
  if (usage.cost_nanodollars) out += std::format(", ${:.6f}", static_cast<double>(*usage.cost_nanodollars) * 1e-9);
  return out;
}

std::string indented(std::string_view text) {
  std::string out = "    ";
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "    ";
  }
  return out;
}

std::string text_of(const Json& value) {
  return value.is_string() ? std::string(view(value.get_string())) : to_text(value);
}

JsonObject metrics_of(const Usage& usage) {
  JsonObject out;
  if (usage.prompt_tokens) out["prompt_tokens"] = *usage.prompt_tokens;
  if (usage.completion_tokens) out["completion_tokens"] = *usage.completion_tokens;
  if (usage.cache_read_tokens) out["cached_tokens"] = *usage.cache_read_tokens;
  if (usage.cost_nanodollars) out["cost_usd"] = static_cast<double>(*usage.cost_nanodollars) * 1e-9;
  return out;
}

void require_begun(const std::vector<AgentEvent>& events) {
  if (events.empty() || events.front().kind != Kind::begun)
    throw Error(Errc::bad_input, "there is no run to show: its journal is empty");
}

}  // namespace

std::string transcript(const std::vector<AgentEvent>& events) {
  require_begun(events);
  std::string out;
  Usage usage;
  int turns = 0;
  std::map<std::string, std::int64_t, std::less<>> started;
  for (const auto& event : events) {
    switch (event.kind) {
      case Kind::begun:
        out += std::format("{}, begun {} (run {})\n", event.agent, time_text(event.at), event.text);
        for (const auto& [name, value] : event.inputs)
          out += std::format("  {}:\n{}\n", std::string_view(name), indented(text_of(value)));
        break;
      case Kind::turn:
        out += std::format("\nTurn {} ({})\n", ++turns, usage_text(event.usage));
        usage += event.usage;
        if (!event.text.empty()) out += std::format("  It thinks:\n{}\n", indented(event.text));
        for (const auto& call : event.calls)
          out += std::format("  It calls {} ({}) with {}\n", call.tool, call.id, to_text(call.arguments));
        if (event.calls.empty()) out += "  It calls nothing.\n";
        break;
      case Kind::forgotten:
        out += "  The oldest turn is left out of prompts from here on: the context is full.\n";
        break;
      case Kind::decided:
        out += std::format("  A person decides about {}: {}{}{}\n", event.call, to_string(event.decision.kind),
                           event.decision.value.is_null() ? "" : " " + to_text(event.decision.value),
                           event.decision.words.empty() ? "" : " (" + event.decision.words + ")");
        break;
      case Kind::started: started[event.call] = event.at; break;
      case Kind::finished: {
        const auto begun = started.find(event.call);
        const auto time =
            begun == started.end() ? std::string() : std::format(" after {} ms", event.at - begun->second);
        out += std::format("  {} {}{}:\n{}\n", event.call, event.outcome.is_error ? "failed" : "came back", time,
                           indented(observation(event.outcome)));
        if (begun != started.end()) started.erase(begun);
        break;
      }
      case Kind::ended:
        usage += event.usage;
        out += std::format("\nNo more tools: {}{}\n", to_string(event.end),
                           event.text.empty() ? "" : " (" + event.text + ")");
        break;
      case Kind::done:
        usage += event.usage;
        out += "\nOutputs\n";
        for (const auto& [name, value] : event.outputs)
          out += std::format("  {}:\n{}\n", std::string_view(name), indented(text_of(value)));
        break;
    }
  }
  for (const auto& [call, at] : started) out += std::format("\n{} was started; its result is unknown.\n", call);
  if (events.back().kind != Kind::done) out += "\nThe run is not done.\n";
  out += std::format("\n{} turn{}, {}\n", turns, turns == 1 ? "" : "s", usage_text(usage));
  return out;
}

JsonObject to_atif(const std::vector<AgentEvent>& events, std::string_view model) {
  require_begun(events);
  JsonObject agent{{"name", events.front().agent}, {"version", events.front().program}};
  if (!model.empty()) agent["model_name"] = model;
  JsonArray steps;
  Usage usage;
  const auto add = [&](JsonObject step, const AgentEvent& event) {
    JsonObject whole{{"step_id", static_cast<std::uint64_t>(steps.size() + 1)}, {"timestamp", time_text(event.at)}};
    for (auto& [name, value] : step) whole[name] = std::move(value);
    steps.push_back(std::move(whole));
  };
  for (const auto& event : events) {
    usage += event.usage;
    if (event.kind == Kind::begun) {
      add({{"source", "user"}, {"message", to_text(Json(event.inputs))}}, event);
    } else if (event.kind == Kind::turn) {
      JsonArray calls;
      for (const auto& call : event.calls) {
        calls.push_back(
            JsonObject{{"tool_call_id", call.id}, {"function_name", call.tool}, {"arguments", call.arguments}});
      }
      JsonObject step{{"source", "agent"}, {"message", ""}};
      if (!event.text.empty()) step["reasoning_content"] = event.text;
      if (!calls.empty()) step["tool_calls"] = std::move(calls);
      step["metrics"] = metrics_of(event.usage);
      add(std::move(step), event);
    } else if (event.kind == Kind::finished) {
      // The observation belongs to the step that made the call.
      for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
        auto& object = step->get_object();
        if (!object.contains("tool_calls")) continue;
        auto& observed = object["observation"];
        if (observed.is_null()) observed = JsonObject{{"results", JsonArray()}};
        observed.get_object()["results"].get_array().push_back(
            JsonObject{{"source_call_id", event.call}, {"content", observation(event.outcome)}});
        break;
      }
    } else if (event.kind == Kind::done) {
      add({{"source", "agent"}, {"message", to_text(Json(event.outputs))}, {"metrics", metrics_of(event.usage)}},
          event);
    }
  }
  auto final_metrics = metrics_of(usage);
  JsonObject totals{{"total_steps", static_cast<std::uint64_t>(steps.size())}};
  for (auto& [name, value] : final_metrics) totals["total_" + std::string(name)] = std::move(value);
  return {{"schema_version", "ATIF-v1.7"}, {"session_id", events.front().text}, {"trajectory_id", events.front().text},
          {"agent", std::move(agent)},     {"steps", std::move(steps)},         {"final_metrics", std::move(totals)}};
}

}  // namespace dspy
