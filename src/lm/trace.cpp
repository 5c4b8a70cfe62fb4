#include "dspy/lm/trace.hpp"

#include "dspy/lm/exchange_json.hpp"

#include <atomic>
#include <format>
#include <utility>

namespace dspy {
namespace {

class Both final : public Trace {
 public:
  Both(std::shared_ptr<Trace> a, std::shared_ptr<Trace> b) : a_(std::move(a)), b_(std::move(b)) {}

  void begin(const Span& span) override {
    a_->begin(span);
    b_->begin(span);
  }
  void end(const Span& span) override {
    a_->end(span);
    b_->end(span);
  }
  std::optional<TraceContext> context_of(std::uint64_t id) const override {
    auto out = a_->context_of(id);
    return out ? out : b_->context_of(id);
  }

 private:
  std::shared_ptr<Trace> a_, b_;
};

JsonArray to_array(const std::vector<Flag>& flags) {
  JsonArray out;
  for (const auto& flag : flags) out.push_back(JsonObject{{"field", flag.field}, {"repair", flag.repair}});
  return out;
}

}  // namespace

std::string_view to_string(Span::Kind kind) noexcept {
  switch (kind) {
    case Span::Kind::program: return "program";
    case Span::Kind::call: return "call";
    case Span::Kind::attempt: return "attempt";
    case Span::Kind::tool: return "tool";
  }
  std::unreachable();
}

std::uint64_t Trace::next_id() noexcept {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

JsonObject to_json(const Span& span) {
  const auto started = std::chrono::floor<std::chrono::milliseconds>(span.started_at);
  JsonObject out{{"kind", to_string(span.kind)},
                 {"id", span.id},
                 {"parent", span.parent},
                 {"path", span.path},
                 {"started_at", std::format("{:%FT%T}Z", started)},
                 {"seconds", std::chrono::duration<double>(span.time).count()}};
  if (span.kind == Span::Kind::attempt) {
    out["attempt"] = span.attempt;
    out["lm"] = span.lm;
  }
  if (span.inputs != nullptr) out["inputs"] = *span.inputs;
  if (span.request != nullptr) out["request"] = to_json(*span.request);
  if (span.reply != nullptr) out["reply"] = to_json(*span.reply);
  if (span.prediction != nullptr) {
    out["outputs"] = span.prediction->data;
    out["usage"] = to_json(span.prediction->lm_usage);
    if (!span.prediction->flags.empty()) out["flags"] = to_array(span.prediction->flags);
  }
  if (span.error != nullptr) out["error"] = to_json(*span.error);
  return out;
}

void TraceLog::end(const Span& span) {
  auto written = to_json(span);
  const std::lock_guard lock(mutex_);
  spans_.push_back(std::move(written));
}

std::vector<JsonObject> TraceLog::spans() const {
  const std::lock_guard lock(mutex_);
  return spans_;
}

std::shared_ptr<Trace> both(std::shared_ptr<Trace> a, std::shared_ptr<Trace> b) {
  if (!a) return b;
  if (!b) return a;
  return std::make_shared<Both>(std::move(a), std::move(b));
}

}  // namespace dspy
