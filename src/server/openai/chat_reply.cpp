#include "dspy/server/routes.hpp"
#include "server/openai/openai.hpp"
#include "server/protocols/common.hpp"

#include <string>
#include <utility>

namespace dspy::server::openai {
namespace {

JsonObject head(std::string_view object, const Asked& asked, const Stamp& stamp) {
  return {{"id", "chatcmpl-" + stamp.id}, {"object", object}, {"created", stamp.time}, {"model", asked.model}};
}

JsonObject call_of(const ToolCallPart& call) {
  return {{"id", call.id},
          {"type", "function"},
          {"function", JsonObject{{"name", call.name}, {"arguments", to_text(call.input)}}}};
}

Json logprobs_member(const Completion& completion, const Asked& asked) {
  if (!asked.request.sampling.logprobs) return nullptr;
  return JsonObject{{"content", logprobs_of(completion.logprobs)}, {"refusal", nullptr}};
}

JsonObject message_of(const Completion& completion) {
  const bool refuses = !completion.refusal.empty();
  const bool is_silent = completion.text.empty() && (refuses || !completion.tool_calls.empty());
  JsonObject out{{"role", "assistant"},
                 {"content", is_silent ? Json(nullptr) : Json(completion.text)},
                 {"refusal", refuses ? Json(completion.refusal) : Json(nullptr)}};
  if (!completion.reasoning.empty()) out["reasoning_content"] = completion.reasoning;
  if (!completion.tool_calls.empty()) {
    auto& calls = out["tool_calls"].emplace_array();
    for (const auto& call : completion.tool_calls) calls.push_back(call_of(call));
  }
  if (!completion.citations.empty()) {
    auto& all = out["annotations"].emplace_array();
    for (const auto& each : completion.citations)
      if (!each.url.empty())
        all.push_back(JsonObject{{"type", "url_citation"},
                                 {"url_citation", JsonObject{{"url", each.url}, {"title", each.title}}}});
  }
  return out;
}

/// The reply's members in addition to OpenAI's.
void add_remarks(JsonObject& body, const Reply& reply, const Stamp& stamp) {
  if (auto told = remarks(reply, stamp); !told.empty()) body["dspy"] = std::move(told);
}

class ChatStream final : public ReplyWriter {
 public:
  ChatStream(Asked asked, Stamp stamp) : asked_(std::move(asked)), stamp_(std::move(stamp)) {}

  std::string begin(const Usage& /*usage*/) override { return delta(0, {{"role", "assistant"}, {"content", ""}}); }

  std::string event(const StreamEvent& event) override {
    if (event.text.empty()) return {};
    if (event.kind == StreamEvent::Kind::text) {
      text_.add(event.text);
      return delta(0, {{"content", event.text}});
    }
    if (event.kind != StreamEvent::Kind::reasoning) return {};
    reasoning_.add(event.text);
    return delta(0, {{"reasoning_content", event.text}});
  }

  std::string finish(const Reply& reply) override {
    std::string out;
    for (std::size_t i = 0; i < reply.completions.size(); ++i) out += choice(reply, i);
    if (asked_.wants_usage) {
      auto last = head("chat.completion.chunk", asked_, stamp_);
      last["choices"] = JsonArray();
      last["usage"] = usage_of(reply.usage);
      add_remarks(last, reply, stamp_);
      out += sse("", last);
    }
    return out + "data: [DONE]\n\n";
  }

  std::string fail(const Error& error) override {
    return sse("", error_body(error, status_of(error)).get_object()) + "data: [DONE]\n\n";
  }

 private:
  std::string delta(std::size_t index, JsonObject what, Json finish = nullptr, Json logprobs = nullptr) const {
    auto chunk = head("chat.completion.chunk", asked_, stamp_);
    JsonObject choice{{"index", index}, {"delta", std::move(what)}, {"finish_reason", std::move(finish)}};
    if (!logprobs.is_null()) choice["logprobs"] = std::move(logprobs);
    chunk["choices"] = JsonArray{std::move(choice)};
    if (asked_.wants_usage) chunk["usage"] = nullptr;
    return sse("", chunk);
  }

  std::string choice(const Reply& reply, std::size_t index) const {
    const auto& completion = reply.completions[index];
    const bool is_first = index == 0;
    std::string out;
    if (!is_first) out += delta(index, {{"role", "assistant"}, {"content", ""}});
    const auto thoughts = is_first ? reasoning_.rest_of(completion.reasoning) : std::string_view(completion.reasoning);
    if (!thoughts.empty()) out += delta(index, {{"reasoning_content", thoughts}});
    const auto text = is_first ? text_.rest_of(completion.text) : std::string_view(completion.text);
    if (!text.empty()) out += delta(index, {{"content", text}});
    if (!completion.refusal.empty()) out += delta(index, {{"refusal", completion.refusal}});
    for (std::size_t i = 0; i < completion.tool_calls.size(); ++i) {
      auto call = call_of(completion.tool_calls[i]);
      JsonObject numbered{{"index", i}};
      for (auto& [name, value] : call) numbered[name] = std::move(value);
      out += delta(index, {{"tool_calls", JsonArray{std::move(numbered)}}});
    }
    return out + delta(index, {}, Json(finish_reason_of(completion)), logprobs_member(completion, asked_));
  }

  Asked asked_;
  Stamp stamp_;
  Said text_, reasoning_;
};

}  // namespace

JsonObject write_chat(const Reply& reply, const Asked& asked, const Stamp& stamp) {
  auto body = head("chat.completion", asked, stamp);
  auto& choices = body["choices"].emplace_array();
  for (const auto& completion : reply.completions) {
    choices.push_back(JsonObject{{"index", choices.size()},
                                 {"message", message_of(completion)},
                                 {"logprobs", logprobs_member(completion, asked)},
                                 {"finish_reason", finish_reason_of(completion)}});
  }
  body["usage"] = usage_of(reply.usage);
  add_remarks(body, reply, stamp);
  return body;
}

std::unique_ptr<ReplyWriter> stream_chat(const Asked& asked, const Stamp& stamp) {
  return std::make_unique<ChatStream>(asked, stamp);
}

}  // namespace dspy::server::openai
