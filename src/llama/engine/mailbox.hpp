#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/llama/engine.hpp"

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dspy::llama {

/// What happened since the last look.
struct News {
  struct Item {
    StreamEvent::Kind kind = StreamEvent::Kind::text;
    std::string text{};
    Usage usage{};
  };

  std::vector<Item> items{};
  std::optional<std::expected<Generated, Error>> end{};
};

/// From the engine's thread to one coroutine, which may run anywhere.
class Mailbox {
 public:
  Mailbox();
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // The engine's side.
  void put(News::Item item);
  void finish(std::expected<Generated, Error> end);
  /// Set by a coroutine that was cancelled or is gone.
  bool abandoned() const noexcept;

  // The coroutine's side.
  /// Waits until there is news.  Cancelling the coroutine sets `abandoned`; the engine's answer to that is the news.
  static Async<News> receive(std::shared_ptr<Mailbox> mailbox);
  void abandon() noexcept;
  /// Destroys the coroutine that waits, for an event loop that goes away.
  void abandon_waiter() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dspy::llama
