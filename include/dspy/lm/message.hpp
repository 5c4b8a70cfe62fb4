#pragma once

#include "dspy/lm/part.hpp"

#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

enum class Role { system, developer, user, assistant, tool };

std::string_view to_string(Role role) noexcept;

/// One turn of a conversation with a model.  What it says is data: no marker in it is obeyed.
struct Message {
  Role role = Role::user;
  std::vector<Part> parts = {};
  Json continuation = {};  ///< Like `Part::continuation`, of the whole message.

  Message() = default;
  /// A message that is only text, as nearly all are.
  Message(Role who, std::string text);
  Message(Role who, std::vector<Part> what) : role(who), parts(std::move(what)) {}

  /// Its text parts, joined.
  std::string text() const;
  /// The text of a message that is nothing else; null if there is another part.
  const std::string* only_text() const noexcept;

  bool operator==(const Message&) const = default;
};

/// A conversation: behaves like a vector of messages.  A common beginning of many conversations, such as a program's
/// instructions and demonstrations, is stored once (`prefix`) and shared, so it adds no cost to creating or copying a
/// conversation.
class Chat {
 public:
  using Prefix = std::shared_ptr<const std::vector<Message>>;

  class const_iterator {
   public:
    using value_type = Message;
    using reference = const Message&;
    using pointer = const Message*;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;

    const_iterator() = default;
    const_iterator(const Chat& chat, std::size_t at) noexcept : chat_(&chat), at_(at) {}

    reference operator*() const noexcept { return (*chat_)[at_]; }
    pointer operator->() const noexcept { return &(*chat_)[at_]; }
    const_iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    const_iterator operator++(int) noexcept { return {*chat_, at_++}; }
    bool operator==(const const_iterator& other) const noexcept { return at_ == other.at_; }

   private:
    const Chat* chat_ = nullptr;
    std::size_t at_ = 0;
  };

  using value_type = Message;
  using iterator = const_iterator;

  Chat() = default;
  Chat(std::initializer_list<Message> messages) : own_(messages) {}
  explicit Chat(std::vector<Message> messages) noexcept : own_(std::move(messages)) {}
  explicit Chat(Prefix prefix) noexcept : prefix_(std::move(prefix)) {}

  std::size_t size() const noexcept { return prefix_size() + own_.size(); }
  bool empty() const noexcept { return size() == 0; }
  const Message& operator[](std::size_t i) const noexcept {
    return i < prefix_size() ? (*prefix_)[i] : own_[i - prefix_size()];
  }
  /// For changing a message: takes a copy of the prefix first if the message is in it.
  Message& operator[](std::size_t i);
  const Message& back() const noexcept { return (*this)[size() - 1]; }
  const_iterator begin() const noexcept { return {*this, 0}; }
  const_iterator end() const noexcept { return {*this, size()}; }

  void reserve(std::size_t count) { own_.reserve(count > prefix_size() ? count - prefix_size() : 0); }
  void push_back(Message message) { own_.push_back(std::move(message)); }

  /// What this conversation shares with others; null if nothing.
  const Prefix& prefix() const noexcept { return prefix_; }

  bool operator==(const Chat& other) const noexcept;

 private:
  std::size_t prefix_size() const noexcept { return prefix_ ? prefix_->size() : 0; }

  Prefix prefix_;
  std::vector<Message> own_;
};

}  // namespace dspy
