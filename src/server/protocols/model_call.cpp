#include "server/protocols/model_call.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/lm/events.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/message.hpp"
#include "dspy/lm/reply.hpp"
#include "dspy/lm/request.hpp"
#include "dspy/lm/trace.hpp"
#include "dspy/lm/tracing/trace_context.hpp"
#include "dspy/signature/prediction.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::server {
namespace {

Error given_up() {
  return {Errc::cancelled, "the request was given up"};
}

/// The text of the request; the attempt has all of it.
JsonObject inputs_of(const Request& request) {
  JsonArray messages;
  for (const auto& message : request.messages)
    messages.push_back(JsonObject{{"role", to_string(message.role)}, {"text", message.text()}});
  return {{"messages", std::move(messages)}};
}

Async<Reply> ask(LM& lm, Request request, const EventSink& sink) {
  if (sink) return lm.stream(std::move(request), sink);
  return lm.complete(std::move(request));
}

Async<Reply> run(std::shared_ptr<LM> lm, std::shared_ptr<Trace> trace, Request request, EventSink sink) {
  ModelCall root(trace, inputs_of(request), request.trace_context);
  ModelAttempt attempt(trace, root.id(), lm->model(), request);
  request.trace_context = outgoing_trace({.trace = trace, .remote_parent = request.trace_context}, attempt.id());
  try {
    auto reply = co_await ask(*lm, std::move(request), sink);
    attempt.end(reply);
    root.end(outputs_of(reply), reply.usage);
    co_return reply;
  } catch (const Error& error) {
    attempt.end(error);
    root.end(error);
    throw;
  }
}

class TracedLM final : public LM {
 public:
  TracedLM(std::shared_ptr<LM> lm, std::shared_ptr<Trace> trace) : lm_(std::move(lm)), trace_(std::move(trace)) {}

  std::string_view model() const noexcept override { return lm_->model(); }
  Capabilities capabilities() const override { return lm_->capabilities(); }
  std::string fingerprint() const override { return lm_->fingerprint(); }
  Async<Reply> complete(Request request) override { return run(lm_, trace_, std::move(request), {}); }
  Async<Reply> stream(Request request, EventSink sink) override {
    return run(lm_, trace_, std::move(request), std::move(sink));
  }

 private:
  std::shared_ptr<LM> lm_;
  std::shared_ptr<Trace> trace_;
};

}  // namespace

JsonObject outputs_of(const Reply& reply) {
  if (reply.completions.empty()) return {};
  const auto& completion = reply.completion();
  JsonObject out{{"text", completion.text.empty() ? completion.refusal : completion.text}};
  if (!completion.reasoning.empty()) out["reasoning"] = completion.reasoning;
  if (completion.tool_calls.empty()) return out;
  auto& calls = out["tool_calls"].emplace_array();
  for (const auto& call : completion.tool_calls)
    calls.push_back(JsonObject{{"tool", call.name}, {"arguments", call.input}});
  return out;
}

ModelCall::ModelCall(std::shared_ptr<Trace> trace, JsonObject inputs, std::shared_ptr<const TraceContext> remote_parent)
    : trace_(std::move(trace)),
      inputs_(std::move(inputs)),
      remote_parent_(std::move(remote_parent)),
      begun_(std::chrono::steady_clock::now()) {
  if (!trace_) return;
  span_ = {.kind = Span::Kind::program, .id = Trace::next_id(), .started_at = std::chrono::system_clock::now()};
  span_.remote_parent = remote_parent_.get();
  span_.inputs = &inputs_;
  trace_->begin(span_);
}

ModelCall::~ModelCall() {
  if (trace_) end(given_up());
}

void ModelCall::end(JsonObject outputs, const Usage& usage) {
  const Prediction prediction{.data = std::move(outputs), .lm_usage = usage};
  span_.prediction = &prediction;
  tell();
}

void ModelCall::end(const Error& error) {
  span_.error = &error;
  tell();
}

void ModelCall::tell() {
  const auto trace = std::exchange(trace_, nullptr);
  if (!trace) return;
  span_.time = std::chrono::steady_clock::now() - begun_;
  static_cast<void>(attempt([&] { trace->end(span_); }));
}

ModelAttempt::ModelAttempt(std::shared_ptr<Trace> trace, std::uint64_t parent, std::string_view model, Request request)
    : trace_(std::move(trace)), model_(model), request_(std::move(request)), begun_(std::chrono::steady_clock::now()) {
  if (!trace_) return;
  span_ = {.kind = Span::Kind::attempt,
           .id = Trace::next_id(),
           .parent = parent,
           .lm = model_,
           .attempt = 1,
           .started_at = std::chrono::system_clock::now()};
  span_.request = &request_;
  trace_->begin(span_);
}

ModelAttempt::~ModelAttempt() {
  if (trace_) end(given_up());
}

void ModelAttempt::end(const Reply& reply) {
  span_.reply = &reply;
  tell();
}

void ModelAttempt::end(const Error& error) {
  span_.error = &error;
  tell();
}

void ModelAttempt::tell() {
  const auto trace = std::exchange(trace_, nullptr);
  if (!trace) return;
  span_.time = std::chrono::steady_clock::now() - begun_;
  static_cast<void>(attempt([&] { trace->end(span_); }));
}

std::shared_ptr<LM> traced(std::shared_ptr<LM> lm, std::shared_ptr<Trace> trace) {
  if (!trace) return lm;
  return std::make_shared<TracedLM>(std::move(lm), std::move(trace));
}

}  // namespace dspy::server
