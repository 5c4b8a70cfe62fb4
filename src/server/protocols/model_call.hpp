#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/reply.hpp"
#include "dspy/lm/request.hpp"
#include "dspy/lm/trace.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

// How requests to bare models are traced: as a program's is, with a root that has inputs and outputs, so that the trace
// can be found, read and judged; and an attempt under it, which is what metrics count.

namespace dspy::server {

/// The root, part of `remote_parent` if there is one.  Without a trace it does nothing.  Destroyed before its end, it
/// was given up.
class ModelCall {
 public:
  ModelCall(std::shared_ptr<Trace> trace, JsonObject inputs, std::shared_ptr<const TraceContext> remote_parent = {});
  ~ModelCall();
  ModelCall(const ModelCall&) = delete;
  ModelCall& operator=(const ModelCall&) = delete;

  std::uint64_t id() const noexcept { return span_.id; }
  void end(JsonObject outputs, const Usage& usage);
  void end(const Error& error);

 private:
  void tell();

  std::shared_ptr<Trace> trace_;
  JsonObject inputs_;
  std::shared_ptr<const TraceContext> remote_parent_;
  std::chrono::steady_clock::time_point begun_;
  Span span_ = {};
};

/// One request to the model.
class ModelAttempt {
 public:
  ModelAttempt(std::shared_ptr<Trace> trace, std::uint64_t parent, std::string_view model, Request request);
  ~ModelAttempt();
  ModelAttempt(const ModelAttempt&) = delete;
  ModelAttempt& operator=(const ModelAttempt&) = delete;

  std::uint64_t id() const noexcept { return span_.id; }
  void end(const Reply& reply);
  void end(const Error& error);

 private:
  void tell();

  std::shared_ptr<Trace> trace_;
  std::string model_;
  Request request_;
  std::chrono::steady_clock::time_point begun_;
  Span span_ = {};
};

/// The LM, with its calls reported to `trace`, each with its own root.  The LM itself without a trace.
std::shared_ptr<LM> traced(std::shared_ptr<LM> lm, std::shared_ptr<Trace> trace);

/// `{"text", "reasoning"?, "tool_calls"?}` of the first completion.
JsonObject outputs_of(const Reply& reply);

}  // namespace dspy::server
