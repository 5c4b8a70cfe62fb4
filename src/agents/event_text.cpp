#include "agents/event_text.hpp"

#include "agents/member_writers.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "dspy/lm/message.hpp"

namespace dspy {
namespace {

template <class Writer>
void write_outcome(Writer& member, const ToolOutcome& outcome) {
  member("value", outcome.value);
  if (outcome.is_error) member("is_error", true);
  if (!outcome.hands_to.empty()) member("hands_to", outcome.hands_to);
  if (outcome.left_out != 0) member("left_out", outcome.left_out);
  if (!outcome.parts.empty()) member("message", to_json(Message(Role::tool, outcome.parts)));
}

template <class Writer>
void write_members(Writer& member, const AgentEvent& event) {
  using Kind = AgentEvent::Kind;
  member("kind", to_string(event.kind));
  member("at", event.at);
  switch (event.kind) {
    case Kind::begun:
      member("run", event.text);
      member("agent", event.agent);
      member("program", event.program);
      member("inputs", event.inputs);
      break;
    case Kind::turn:
      if (!event.text.empty()) member("thought", event.text);
      member.list("calls", event.calls, [](Writer& inner, const AgentCall& call) {
        inner("id", call.id);
        inner("tool", call.tool);
        inner("arguments", call.arguments);
      });
      if (!event.message.is_null()) member("message", event.message);
      member("usage", event.usage);
      break;
    case Kind::forgotten: break;
    case Kind::decided:
      member("call", event.call);
      member("decision", to_string(event.decision.kind));
      if (!event.decision.value.is_null()) member("value", event.decision.value);
      if (!event.decision.words.empty()) member("words", event.decision.words);
      break;
    case Kind::started: member("call", event.call); break;
    case Kind::finished:
      member("call", event.call);
      member.object("outcome", [&](Writer& inner) { write_outcome(inner, event.outcome); });
      break;
    case Kind::ended:
      member("end", to_string(event.end));
      if (!event.text.empty()) member("why", event.text);
      member("usage", event.usage);
      break;
    case Kind::done:
      member("outputs", event.outputs);
      member("usage", event.usage);
      break;
  }
}

}  // namespace

JsonObject to_json(const ToolOutcome& outcome) {
  JsonObject out;
  ObjectWriter member(out);
  write_outcome(member, outcome);
  return out;
}

JsonObject to_json(const AgentEvent& event) {
  JsonObject out;
  ObjectWriter member(out);
  write_members(member, event);
  return out;
}

void append_members(std::string& out, const AgentEvent& event) {
  TextWriter member(out);
  write_members(member, event);
}

}  // namespace dspy
