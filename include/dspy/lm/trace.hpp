#pragma once

#include "dspy/base/error.hpp"
#include "dspy/lm/reply.hpp"
#include "dspy/lm/request.hpp"
#include "dspy/lm/tracing/trace_context.hpp"
#include "dspy/signature/prediction.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Something that was done, and how long it took.  The pointers are valid during the callback, and null for what does
/// not apply or is not there yet.
struct Span {
  enum class Kind {
    program,  ///< A whole program.
    call,     ///< A predictor's call, with all of its requests.
    attempt,  ///< One request of a call, and its reply.
    tool,     ///< A tool that an agent called; `path` ends with `tools.` and its name.
  };

  Kind kind = Kind::call;
  std::uint64_t id = 0;      ///< Unique in this process.
  std::uint64_t parent = 0;  ///< The span this one is part of; 0 if there is none.
  /// The span of another process that this one is part of.  Only where `parent` is 0.
  const TraceContext* remote_parent = nullptr;
  std::string_view path = {};  ///< Which predictor of the program, as `for_each_predictor` names it.
  std::string_view lm = {};    ///< `LM::model()`, of an attempt.
  int attempt = 0;             ///< Of a call, from 1.
  std::chrono::system_clock::time_point started_at = {};
  std::chrono::nanoseconds time = {};  ///< 0 until it has ended.

  const JsonObject* inputs = nullptr;
  const Prediction* prediction = nullptr;
  const Request* request = nullptr;
  const Reply* reply = nullptr;
  const Error* error = nullptr;
};

std::string_view to_string(Span::Kind kind) noexcept;

/// Observes programs.  Called from any thread, concurrently; an exception ends the observed call.
class Trace {
 public:
  virtual ~Trace() = default;
  virtual void begin(const Span& /*span*/) {}
  virtual void end(const Span& span) = 0;

  /// The trace context to send with a request made inside the open span `id`.  Nothing if this trace does not export
  /// spans under such ids.
  virtual std::optional<TraceContext> context_of(std::uint64_t /*id*/) const { return std::nullopt; }

  /// The next span's `id`.
  static std::uint64_t next_id() noexcept;
};

/// Keeps finished spans as JSON, one object a span that ended: for looking, for tests and for files of lines.
class TraceLog final : public Trace {
 public:
  void end(const Span& span) override;

  std::vector<JsonObject> spans() const;

 private:
  mutable std::mutex mutex_;
  std::vector<JsonObject> spans_;
};

/// `{"kind", "id", "parent", "path", "started_at", "seconds", …}` with what the span has.
JsonObject to_json(const Span& span);

/// Tells both.
std::shared_ptr<Trace> both(std::shared_ptr<Trace> a, std::shared_ptr<Trace> b);

}  // namespace dspy
