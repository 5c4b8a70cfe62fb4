#pragma once

#include "dspy/lm/message.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

struct ConversationStoreOptions {
  /// Changes what is written, such as keys and addresses that must not be kept.
  std::function<Message(Message message)> redact = {};
};

struct StoredMessage {
  std::int64_t sequence = 0;  ///< Grows within a conversation, and is never given twice.
  Message message = {};
  std::chrono::system_clock::time_point time = {};
};

struct ConversationInfo {
  std::string id = {};
  std::size_t messages = 0;
  std::chrono::system_clock::time_point last = {};
};

/// Conversations in a SQLite file.  What is forgotten is overwritten in the file and its log, and leaves only its
/// number behind.  Belongs to one thread at a time; several processes may share the file.
class ConversationStore {
 public:
  /// Throws `Error` (`io_error`) as `storage::Database` does.
  explicit ConversationStore(const std::filesystem::path& path, ConversationStoreOptions options = {});
  ~ConversationStore();
  ConversationStore(ConversationStore&&) noexcept;
  ConversationStore& operator=(ConversationStore&&) noexcept;

  /// The message's number.
  std::int64_t add(std::string_view conversation, Message message);
  /// The last `most` messages, oldest first; fewer where the first of them would be a tool's result without its call.
  std::vector<StoredMessage> messages(std::string_view conversation, std::optional<std::size_t> most = {}) const;
  std::vector<ConversationInfo> conversations() const;

  /// Forgets one message; with a tool's call goes its result, and with a result its call.  How many were forgotten.
  std::size_t forget(std::string_view conversation, std::int64_t sequence);
  /// Forgets all of it.
  std::size_t forget(std::string_view conversation);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dspy
