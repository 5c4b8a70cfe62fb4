#include "dspy/agents/agent_event.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <array>
#include <format>

namespace dspy {
namespace {

constexpr std::array<std::string_view, 11> end_names = {
    "finish",           "submit",         "forced_submit", "max_iters", "parse_error", "context_window_exceeded",
    "empty_tool_calls", "repeated_calls", "max_tokens",    "max_cost",  "max_time"};
constexpr std::array<std::string_view, 8> kind_names = {"begun",   "turn",     "forgotten", "decided",
                                                        "started", "finished", "ended",     "done"};
constexpr std::array<std::string_view, 5> verdict_names = {"approve", "edit", "deny", "answer", "wait"};

template <class E, std::size_t N>
E named(const std::array<std::string_view, N>& names, std::string_view name, std::string_view what) {
  const auto* const found = std::ranges::find(names, name);
  if (found == names.end()) {
    std::string all;
    for (const auto each : names) all += std::format("{}`{}`", all.empty() ? "" : ", ", each);
    throw Error(Errc::config_error, std::format("`{}` is not a valid {}; there are {}", name, what, all));
  }
  return static_cast<E>(found - names.begin());
}

[[noreturn]] void refuse(std::string_view member, std::string_view wanted) {
  throw Error(Errc::config_error, std::format("an event's `{}` must be {}", member, wanted));
}

std::string text_of(const JsonObject& from, std::string_view member, bool is_required = true) {
  const auto* const value = from.if_contains(member);
  if (value == nullptr && !is_required) return {};
  if (value == nullptr || !value->is_string()) refuse(member, "a text");
  return std::string(view(value->get_string()));
}

JsonObject object_of(const JsonObject& from, std::string_view member) {
  const auto* const value = from.if_contains(member);
  if (value == nullptr || !value->is_object()) refuse(member, "an object");
  return value->get_object();
}

Json value_of(const JsonObject& from, std::string_view member) {
  const auto* const value = from.if_contains(member);
  return value != nullptr ? *value : Json();
}

Usage usage_of(const JsonObject& from) {
  return from.contains("usage") ? usage_from_json(object_of(from, "usage")) : Usage();
}

}  // namespace

std::string_view to_string(AgentEnd end) noexcept {
  return end_names[static_cast<std::size_t>(end)];
}

AgentEnd agent_end(std::string_view name) {
  return named<AgentEnd>(end_names, name, "reason to end a run");
}

std::string_view to_string(AgentEvent::Kind kind) noexcept {
  return kind_names[static_cast<std::size_t>(kind)];
}

std::string_view to_string(Verdict::Kind kind) noexcept {
  return verdict_names[static_cast<std::size_t>(kind)];
}

Verdict::Kind verdict_kind(std::string_view name) {
  return named<Verdict::Kind>(verdict_names, name, "decision");
}

AgentEvent agent_event_from_json(const JsonObject& written) {
  using Kind = AgentEvent::Kind;
  AgentEvent event{.kind = named<Kind>(kind_names, text_of(written, "kind"), "kind of event")};
  const auto* const at = written.if_contains("at");
  if (at == nullptr || !at->is_int64()) refuse("at", "a number of milliseconds");
  event.at = at->get_int64();
  switch (event.kind) {
    case Kind::begun:
      event.text = text_of(written, "run");
      event.agent = text_of(written, "agent");
      event.program = text_of(written, "program");
      event.inputs = object_of(written, "inputs");
      break;
    case Kind::turn: {
      event.text = text_of(written, "thought", false);
      const auto calls = value_of(written, "calls");
      if (!calls.is_array()) refuse("calls", "a list");
      for (const auto& each : calls.get_array()) {
        if (!each.is_object()) refuse("calls", "a list of objects");
        const auto& call = each.get_object();
        event.calls.push_back(
            {.id = text_of(call, "id"), .tool = text_of(call, "tool"), .arguments = value_of(call, "arguments")});
      }
      event.message = value_of(written, "message");
      event.usage = usage_of(written);
      break;
    }
    case Kind::forgotten: break;
    case Kind::decided:
      event.call = text_of(written, "call");
      event.decision = {.kind = verdict_kind(text_of(written, "decision")),
                        .value = value_of(written, "value"),
                        .words = text_of(written, "words", false)};
      break;
    case Kind::started: event.call = text_of(written, "call"); break;
    case Kind::finished:
      event.call = text_of(written, "call");
      event.outcome = tool_outcome_from_json(value_of(written, "outcome"));
      break;
    case Kind::ended:
      event.end = agent_end(text_of(written, "end"));
      event.text = text_of(written, "why", false);
      event.usage = usage_of(written);
      break;
    case Kind::done:
      event.outputs = object_of(written, "outputs");
      event.usage = usage_of(written);
      break;
  }
  return event;
}

}  // namespace dspy
