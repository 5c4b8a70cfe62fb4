#include "dspy/lm/lm.hpp"

#include "lm/schemes.hpp"

#include <tuple>

namespace dspy {
namespace {

// Inside a function, since initialisers of other files use it before `main`.
Schemes<LM>& lms() {
  static Schemes<LM> schemes("language models");
  return schemes;
}

Async<Reply> as_stream(Async<Reply> completion, EventSink sink) {
  auto reply = co_await std::move(completion);
  if (sink) tell_whole(reply, sink);
  co_return reply;
}

}  // namespace

void tell_whole(const Reply& reply, const EventSink& sink) {
  const auto& [text, reasoning] = std::tie(reply.completion().text, reply.completion().reasoning);
  auto before_text = reply.usage;
  before_text.completion_tokens = 0;
  sink({.kind = StreamEvent::Kind::prompt_done, .text = {}, .usage = before_text});
  if (!reasoning.empty()) sink({.kind = StreamEvent::Kind::reasoning, .text = reasoning, .usage = reply.usage});
  if (!text.empty()) sink({.kind = StreamEvent::Kind::text, .text = text, .usage = reply.usage});
}

Async<Reply> LM::stream(Request request, EventSink sink) {
  return as_stream(complete(std::move(request)), std::move(sink));
}

std::shared_ptr<LM> lm(std::string_view uri) {
  return lms().make(uri);
}

bool register_lm_scheme(std::string_view scheme, LMFactory factory) {
  lms().add(scheme, factory);
  return true;
}

}  // namespace dspy
