#include "dspy/agents/trajectory.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/version.hpp"

#include <cstdint>
#include <format>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Kind = AgentEvent::Kind;

JsonObject attribute(std::string_view key, JsonObject value) {
  return {{"key", key}, {"value", std::move(value)}};
}

JsonObject text_value(std::string_view text) {
  return {{"stringValue", text}};
}

/// Whole numbers are texts in OTLP's JSON.
std::string number_text(std::uint64_t number) {
  return std::to_string(number);
}

std::string nanoseconds(std::int64_t milliseconds) {
  return std::to_string(milliseconds * 1'000'000);
}

/// The spans of one run, as they are found out.
class Spans {
 public:
  Spans(const AgentEvent& begun, std::string_view model, bool has_content)
      : run_(begun.text),
        trace_(sha256(run_).substr(0, 32)),
        root_(id("agent")),
        model_(model),
        has_content_(has_content) {}

  void read(const std::vector<AgentEvent>& events) {
    for (const auto& event : events) {
      take(event);
      last_ = event.at;
    }
    for (const auto& [call, begin] : started_) add_tool(call, begin, last_, nullptr);
  }

  JsonArray finish(const std::vector<AgentEvent>& events) {
    const auto& begun = events.front();
    JsonArray attributes{attribute("gen_ai.operation.name", text_value("invoke_agent")),
                         attribute("gen_ai.agent.name", text_value(begun.agent)),
                         attribute("gen_ai.conversation.id", text_value(run_))};
    add_usage(attributes, usage_);
    if (!reason_.empty()) attributes.push_back(attribute("dspy.termination_reason", text_value(reason_)));
    if (has_content_) attributes.push_back(attribute("dspy.inputs", text_value(to_text(Json(begun.inputs)))));
    if (has_content_ && events.back().kind == Kind::done)
      attributes.push_back(attribute("dspy.outputs", text_value(to_text(Json(events.back().outputs)))));
    auto root = span("invoke_agent " + begun.agent, root_, {}, begun.at, last_, std::move(attributes));
    if (events.back().kind != Kind::done) root["status"] = JsonObject{{"code", 2}, {"message", "the run is not done"}};
    JsonArray out{std::move(root)};
    for (auto& each : spans_) out.push_back(std::move(each));
    return out;
  }

 private:
  std::string id(std::string_view what) const { return sha256(std::format("{}/{}", run_, what)).substr(0, 16); }

  JsonObject span(std::string name, std::string own, std::string_view parent, std::int64_t begin, std::int64_t end,
                  JsonArray attributes) const {
    JsonObject out{{"traceId", trace_}, {"spanId", std::move(own)}};
    if (!parent.empty()) out["parentSpanId"] = parent;
    out["name"] = std::move(name);
    out["kind"] = 1;
    out["startTimeUnixNano"] = nanoseconds(begin);
    out["endTimeUnixNano"] = nanoseconds(end);
    out["attributes"] = std::move(attributes);
    return out;
  }

  static void add_usage(JsonArray& attributes, const Usage& usage) {
    const auto add = [&](std::string_view name, const std::optional<std::uint64_t>& count) {
      if (count) attributes.push_back(attribute(name, {{"intValue", number_text(*count)}}));
    };
    add("gen_ai.usage.input_tokens", usage.prompt_tokens);
    add("gen_ai.usage.output_tokens", usage.completion_tokens);
    if (usage.cost_nanodollars)
      attributes.push_back(
          attribute("dspy.cost_usd", {{"doubleValue", static_cast<double>(*usage.cost_nanodollars) * 1e-9}}));
  }

  void take(const AgentEvent& event) {
    usage_ += event.usage;
    switch (event.kind) {
      case Kind::turn:
        add_chat(event);
        for (const auto& call : event.calls) calls_[call.id] = call;
        break;
      case Kind::started: started_[event.call] = event.at; break;
      case Kind::finished: {
        const auto found = started_.find(event.call);
        if (found == started_.end()) break;  // it was answered or denied, and not called
        add_tool(event.call, found->second, event.at, &event.outcome);
        started_.erase(found);
        break;
      }
      case Kind::decided:
        if (const auto call = calls_.find(event.call);
            call != calls_.end() && event.decision.kind == Verdict::Kind::edit)
          call->second.arguments = event.decision.value;
        break;
      case Kind::ended: reason_ = to_string(event.end); break;
      case Kind::done:
        if (event.usage.requests != 0) add_chat(event);
        break;
      case Kind::begun:
      case Kind::forgotten: break;
    }
  }

  /// From what happened before it, which is when the request was made.
  void add_chat(const AgentEvent& event) {
    JsonArray attributes{attribute("gen_ai.operation.name", text_value("chat"))};
    if (!model_.empty()) attributes.push_back(attribute("gen_ai.request.model", text_value(model_)));
    add_usage(attributes, event.usage);
    if (has_content_ && !event.text.empty()) attributes.push_back(attribute("dspy.thought", text_value(event.text)));
    const auto own = id(std::format("chat {}", ++chats_));
    spans_.push_back(
        span(model_.empty() ? "chat" : "chat " + model_, own, root_, last_, event.at, std::move(attributes)));
  }

  void add_tool(const std::string& call, std::int64_t begin, std::int64_t end, const ToolOutcome* outcome) {
    const auto& made = calls_[call];
    JsonArray attributes{attribute("gen_ai.operation.name", text_value("execute_tool")),
                         attribute("gen_ai.tool.name", text_value(made.tool)),
                         attribute("gen_ai.tool.call.id", text_value(call))};
    if (has_content_) {
      attributes.push_back(attribute("gen_ai.tool.call.arguments", text_value(to_text(made.arguments))));
      if (outcome != nullptr)
        attributes.push_back(attribute("gen_ai.tool.call.result", text_value(observation(*outcome))));
    }
    const bool is_known = outcome != nullptr, is_error = is_known && outcome->is_error;
    if (!is_known || is_error)
      attributes.push_back(attribute("error.type", text_value(is_error ? "tool_error" : "unknown_outcome")));
    auto out = span("execute_tool " + made.tool, id(call), root_, begin, end, std::move(attributes));
    if (!is_known || is_error) out["status"] = JsonObject{{"code", 2}};
    spans_.push_back(std::move(out));
  }

  std::string run_, trace_, root_, model_;
  bool has_content_;
  std::vector<JsonObject> spans_;
  std::map<std::string, AgentCall, std::less<>> calls_;
  std::map<std::string, std::int64_t, std::less<>> started_;
  Usage usage_;
  std::string reason_;
  std::int64_t last_ = 0;
  int chats_ = 0;
};

}  // namespace

JsonObject to_otlp(const std::vector<AgentEvent>& events, std::string_view model, bool has_content) {
  if (events.empty() || events.front().kind != Kind::begun)
    throw Error(Errc::bad_input, "there is no run to export: its journal is empty");
  Spans spans(events.front(), model, has_content);
  spans.read(events);
  JsonObject scope{{"scope", {{"name", "dspy-cpp"}, {"version", version()}}}, {"spans", spans.finish(events)}};
  JsonObject resource{{"attributes", JsonArray{attribute("service.name", text_value("dspy"))}}};
  return {{"resourceSpans",
           JsonArray{JsonObject{{"resource", std::move(resource)}, {"scopeSpans", JsonArray{std::move(scope)}}}}}};
}

}  // namespace dspy
