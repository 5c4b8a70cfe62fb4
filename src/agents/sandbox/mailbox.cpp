#include "agents/sandbox/session.hpp"
#include "dspy/base/error.hpp"

#include <utility>

namespace dspy::sandbox {

bool Mailbox::take(std::string_view bytes) {
  {
    const std::lock_guard lock(mutex_);
    try {
      frames_.feed(bytes);
      while (auto message = frames_.next()) {
        // An interpreter speaks when it is spoken to: one message, or a call and what follows its answer.
        if (messages_.size() >= 16)
          throw Error(Errc::backend_error, "the interpreter sent unexpected messages; it was ended");
        messages_.push_back(*std::move(message));
      }
    } catch (const Error& error) {
      broken_ = error.what();
    }
    if (!broken_.empty()) messages_.clear();
  }
  bell->ring();
  return broken_.empty();
}

void Mailbox::take_end(const process::ChildEnd& end) {
  {
    const std::lock_guard lock(mutex_);
    end_ = end;
  }
  bell->ring();
}

void Mailbox::take_alarm() {
  {
    const std::lock_guard lock(mutex_);
    alarm_ = true;
  }
  bell->ring();
}

std::optional<Mailbox::Letter> Mailbox::next() {
  const std::lock_guard lock(mutex_);
  if (!messages_.empty()) {
    Letter out{.message = std::move(messages_.front())};
    messages_.pop_front();
    return out;
  }
  if (end_) return Letter{.is_end = true};
  if (std::exchange(alarm_, false)) return Letter{.is_alarm = true};
  return std::nullopt;
}

std::string Mailbox::reason() const {
  const std::lock_guard lock(mutex_);
  if (!broken_.empty()) return broken_;
  return end_ ? "the interpreter " + process::to_text(*end_) : std::string();
}

void Mailbox::forget_alarm() {
  const std::lock_guard lock(mutex_);
  alarm_ = false;
}

void Mailbox::cancel() {
  {
    const std::lock_guard lock(mutex_);
    is_cancelled_ = true;
  }
  bell->ring();
}

bool Mailbox::is_cancelled() const {
  const std::lock_guard lock(mutex_);
  return is_cancelled_;
}

}  // namespace dspy::sandbox
