#pragma once

#include "dspy/lm/message.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

namespace dspy {

/// A conversation that grows at its end and is asked about again and again.  A request gets it without a copy; one is
/// taken only if it grows while such a request, or what was copied from it, is still held by somebody.  For one thread;
/// what was lent may go in any.
class LentMessages {
 public:
  bool empty() const noexcept { return messages_->empty(); }
  void clear();
  void push_back(Message message);

  Chat lend() const;

 private:
  using Count = std::atomic<std::size_t>;

  std::shared_ptr<std::vector<Message>> messages_ = std::make_shared<std::vector<Message>>();
  std::shared_ptr<Count> lent_ = std::make_shared<Count>(0);
};

}  // namespace dspy
