#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/lm/middleware/timing.hpp"

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace dspy {

/// An LM that looks like the one it is around.
class Wrapper : public LM {
 public:
  std::string_view model() const noexcept override { return inner_->model(); }
  Capabilities capabilities() const override { return inner_->capabilities(); }
  std::string fingerprint() const override { return inner_->fingerprint(); }

 protected:
  explicit Wrapper(std::shared_ptr<LM> inner) : inner_(std::move(inner)) {
    if (!inner_) throw Error(Errc::config_error, "there is no LM to put a layer around; give one, such as dspy::lm(…)");
  }

  const std::shared_ptr<LM>& inner() const noexcept { return inner_; }

 private:
  std::shared_ptr<LM> inner_;
};

/// Random numbers for calls from any thread, one generator each.
class Seeds {
 public:
  explicit Seeds(std::uint64_t seed) : base_(seed != 0 ? seed : std::random_device{}()) {}

  Random next() noexcept { return base_.fork(calls_.fetch_add(1, std::memory_order_relaxed)); }

 private:
  const Random base_;
  std::atomic<std::uint64_t> calls_ = 0;
};

/// What has been delivered to a caller's sink, over all attempts: once there is content, the call is bound to its
/// attempt.
class Delivery {
 public:
  explicit Delivery(EventSink sink) : sink_(std::move(sink)) {}

  bool is_streamed() const noexcept { return static_cast<bool>(sink_); }
  bool has_content() const noexcept { return has_content_; }

  void operator()(const StreamEvent& event) {
    switch (event.kind) {
      case StreamEvent::Kind::start:
        if (std::exchange(has_started_, true)) return;
        break;
      case StreamEvent::Kind::prompt_done:
        if (std::exchange(has_read_prompt_, true)) return;
        break;
      default: has_content_ = true;
    }
    sink_(event);
  }

 private:
  EventSink sink_;
  bool has_started_ = false;
  bool has_read_prompt_ = false;
  bool has_content_ = false;
};

/// Asks, as a stream if the delivery is one.  `delivery` outlives the call; `request` is taken before this returns.
inline Async<Reply> ask(LM& lm, Request&& request, Delivery& delivery) {
  if (!delivery.is_streamed()) return lm.complete(std::move(request));
  return lm.stream(std::move(request), [&delivery](const StreamEvent& event) { delivery(event); });
}

/// `error` with what earlier attempts took and how many there were.
Error with_attempts(const Error& error, const Usage& earlier, std::size_t attempts);

}  // namespace dspy
