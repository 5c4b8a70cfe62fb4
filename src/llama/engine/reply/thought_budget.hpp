#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace dspy::llama {

/// Counts the tokens of a reply's thoughts, `<think>…</think>` at its beginning, against a limit.  For one reply.
class ThoughtBudget {
 public:
  /// Nothing: no limit.
  explicit ThoughtBudget(std::optional<int> most) : most_(most) {}

  /// A token came that stands for `piece`.
  void push(std::string_view piece);
  /// Whether the model still thinks, and may not any more.
  bool is_spent() const noexcept { return most_ && state_ == State::thoughts && count_ >= *most_; }
  /// What ends the thoughts here.
  std::string closing() const;

 private:
  enum class State { beginning, thoughts, over };

  std::optional<int> most_;
  State state_ = State::beginning;
  std::string last_;  ///< May be part of a tag.
  int count_ = 0;
};

}  // namespace dspy::llama
