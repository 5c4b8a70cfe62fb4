#include "dspy/lm/exchange_json.hpp"
#include "lm/json/members.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <utility>

namespace dspy {
namespace {

using Action = Adaptation::Action;

constexpr std::array actions = {Action::dropped,     Action::clamped,   Action::substituted,
                                Action::client_side, Action::satisfied, Action::defaulted};

JsonObject to_json(const TokenLogprob& token) {
  JsonObject out{{"text", token.text}, {"logprob", token.logprob}};
  MemberWriter member(out);
  member("forced", token.forced);
  member("field", token.field);
  if (token.top.empty()) return out;
  JsonArray top;
  for (const auto& [text, logprob] : token.top) top.push_back(JsonObject{{"text", text}, {"logprob", logprob}});
  out["top"] = std::move(top);
  return out;
}

TokenLogprob token_from_json(const JsonObject& in) {
  TokenLogprob token;
  MemberReader member(in, "a token");
  member("text", token.text);
  member("logprob", token.logprob);
  member("forced", token.forced);
  member("field", token.field);
  member.each("top", [&](const Json& other) {
    MemberReader inside(member.object("top", other), "a token");
    auto& [text, logprob] = token.top.emplace_back();
    inside("text", text);
    inside("logprob", logprob);
    inside.finish();
  });
  member.finish();
  return token;
}

template <class M, class T>
void members_of(M& member, T& completion)
  requires std::same_as<std::remove_const_t<T>, Completion>
{
  member("text", completion.text);
  member("reasoning", completion.reasoning);
  member("refusal", completion.refusal);
  member("logprobs_complete", completion.logprobs_complete);
  member("continuation", completion.continuation);
  member("closed_early", completion.closed_early);
  member("loop_ended", completion.loop_ended);
  member("unenforced", completion.unenforced);
}

template <class T>
JsonArray parts_of(const std::vector<T>& all) {
  JsonArray out;
  for (const auto& each : all) {
    if constexpr (std::same_as<T, Part>) {
      out.push_back(to_json(each));
    } else {
      out.push_back(to_json(Part(each)));
    }
  }
  return out;
}

/// The parts of a list, all of which must be a `T`.
template <class T>
void read_parts(MemberReader& member, std::string_view name, std::vector<T>& out) {
  member.each(name, [&](const Json& item) {
    auto part = part_from_json(member.object(name, item));
    auto* const content = std::get_if<T>(&part.content);
    if (content == nullptr) member.reject(name, "a list of parts of its kind", item);
    out.push_back(std::move(*content));
  });
}

JsonObject to_json(const Adaptation& adaptation) {
  JsonObject out{{"field", adaptation.field}, {"action", to_string(adaptation.action)}};
  MemberWriter member(out);
  member("reason", adaptation.reason);
  member("asked", adaptation.asked);
  member("applied", adaptation.applied);
  return out;
}

Adaptation adaptation_from_json(const JsonObject& in) {
  Adaptation adaptation;
  MemberReader member(in, "an adaptation");
  std::string action;
  member("field", adaptation.field);
  member("action", action);
  const auto* const known = std::ranges::find(actions, action, [](Action each) { return to_string(each); });
  if (known == actions.end()) member.reject("action", "one of those there are", Json(action));
  adaptation.action = *known;
  member("reason", adaptation.reason);
  member("asked", adaptation.asked);
  member("applied", adaptation.applied);
  member.finish();
  return adaptation;
}

std::int64_t nanoseconds(std::chrono::nanoseconds time) noexcept {
  return time.count();
}

JsonObject to_json(const Attempt& attempt) {
  JsonObject out{{"lm", attempt.lm},
                 {"waited_ns", nanoseconds(attempt.waited)},
                 {"time_ns", nanoseconds(attempt.time)},
                 {"usage", to_json(attempt.usage)}};
  if (attempt.error) out["error"] = to_string(*attempt.error);
  MemberWriter member(out);
  member("message", attempt.message);
  return out;
}

Attempt attempt_from_json(const JsonObject& in) {
  Attempt attempt;
  MemberReader member(in, "an attempt");
  std::int64_t waited = 0, time = 0;
  std::optional<std::string> error;
  member("lm", attempt.lm);
  member("waited_ns", waited);
  member("time_ns", time);
  member("error", error);
  member("message", attempt.message);
  if (const auto* const usage = member.take("usage")) attempt.usage = usage_from_json(member.object("usage", *usage));
  member.finish();
  attempt.waited = std::chrono::nanoseconds(waited);
  attempt.time = std::chrono::nanoseconds(time);
  if (error) {
    attempt.error = errc(*error);
    if (!attempt.error) member.reject("error", "the name of an error", Json(*error));
  }
  return attempt;
}

JsonObject to_json(const Handling& handling) {
  JsonObject out{{"source", to_string(handling.source)}};
  if (handling.saved_usage) out["saved_usage"] = to_json(*handling.saved_usage);
  JsonArray attempts;
  for (const auto& attempt : handling.attempts) attempts.push_back(to_json(attempt));
  if (!attempts.empty()) out["attempts"] = std::move(attempts);
  return out;
}

Handling handling_from_json(const JsonObject& in) {
  Handling handling;
  MemberReader member(in, "what was done with a request");
  std::string source = "model";
  member("source", source);
  handling.source = reply_source(source);
  if (const auto* const saved = member.take("saved_usage"))
    handling.saved_usage = usage_from_json(member.object("saved_usage", *saved));
  member.each("attempts", [&](const Json& attempt) {
    handling.attempts.push_back(attempt_from_json(member.object("attempts", attempt)));
  });
  member.finish();
  return handling;
}

}  // namespace

JsonObject to_json(const Completion& completion) {
  JsonObject out;
  MemberWriter member(out);
  members_of(member, completion);
  out["finish"] = to_string(completion.finish);
  const auto add = [&](std::string_view name, JsonArray all) {
    if (!all.empty()) out[name] = std::move(all);
  };
  add("tool_calls", parts_of(completion.tool_calls));
  add("citations", parts_of(completion.citations));
  add("parts", parts_of(completion.parts));
  if (completion.data) out["data"] = to_json(Part(*completion.data));
  JsonArray logprobs, resume_points;
  for (const auto& token : completion.logprobs) logprobs.push_back(to_json(token));
  for (const auto& [field, offset] : completion.resume_points)
    resume_points.push_back(JsonObject{{"field", field}, {"offset", offset}});
  add("logprobs", std::move(logprobs));
  add("resume_points", std::move(resume_points));
  return out;
}

Completion completion_from_json(const JsonObject& in) {
  Completion completion;
  MemberReader member(in, "a completion");
  members_of(member, completion);
  std::string finish = "stop";
  member("finish", finish);
  completion.finish = finish_reason(finish);
  read_parts(member, "tool_calls", completion.tool_calls);
  read_parts(member, "citations", completion.citations);
  member.each("parts",
              [&](const Json& item) { completion.parts.push_back(part_from_json(member.object("parts", item))); });
  if (const auto* const data = member.take("data")) {
    const auto part = part_from_json(member.object("data", *data));
    const auto* const content = part.get<DataPart>();
    if (content == nullptr) member.reject("data", "a part of the kind data", *data);
    completion.data = *content;
  }
  member.each("logprobs", [&](const Json& token) {
    completion.logprobs.push_back(token_from_json(member.object("logprobs", token)));
  });
  member.each("resume_points", [&](const Json& point) {
    MemberReader inside(member.object("resume_points", point), "a place to resume from");
    auto& [field, offset] = completion.resume_points.emplace_back();
    inside("field", field);
    inside("offset", offset);
    inside.finish();
  });
  member.finish();
  return completion;
}

JsonObject to_json(const Reply& reply) {
  JsonArray completions, adaptations;
  for (const auto& completion : reply.completions) completions.push_back(to_json(completion));
  for (const auto& adaptation : reply.adaptations) adaptations.push_back(to_json(adaptation));
  JsonObject out{{"completions", std::move(completions)}, {"usage", to_json(reply.usage)}};
  MemberWriter member(out);
  member("model", reply.model);
  member("id", reply.id);
  if (!adaptations.empty()) out["adaptations"] = std::move(adaptations);
  member("provider_data", reply.provider_data);
  if (reply.handling.is_set()) out["handling"] = to_json(*reply.handling);
  return out;
}

Reply reply_from_json(const JsonObject& in) {
  Reply reply;
  MemberReader member(in, "a reply");
  member.each("completions", [&](const Json& completion) {
    reply.completions.push_back(completion_from_json(member.object("completions", completion)));
  });
  if (const auto* const usage = member.take("usage")) reply.usage = usage_from_json(member.object("usage", *usage));
  member("model", reply.model);
  member("id", reply.id);
  member.each("adaptations", [&](const Json& each) {
    reply.adaptations.push_back(adaptation_from_json(member.object("adaptations", each)));
  });
  member("provider_data", reply.provider_data);
  if (const auto* const handling = member.take("handling"))
    reply.handling = handling_from_json(member.object("handling", *handling));
  member.finish();
  return reply;
}

}  // namespace dspy
