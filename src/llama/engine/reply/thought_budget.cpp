#include "llama/engine/reply/thought_budget.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace dspy::llama {
namespace {

constexpr std::string_view opening = "<think>";
constexpr std::string_view closing_tag = "</think>";
constexpr std::string_view spaces = " \t\r\n";

}  // namespace

void ThoughtBudget::push(std::string_view piece) {
  if (!most_ || state_ == State::over) return;
  last_ += piece;
  if (state_ == State::beginning) {
    const auto first = std::min(last_.find_first_not_of(spaces), last_.size());
    const auto begun = std::string_view(last_).substr(first);
    if (begun.starts_with(opening)) {
      last_.erase(0, first + opening.size());
      state_ = State::thoughts;
    } else if (!opening.starts_with(begun)) {
      state_ = State::over;
    }
    return;
  }
  ++count_;
  if (last_.contains(closing_tag))
    state_ = State::over;
  else if (last_.size() >= closing_tag.size())
    last_.erase(0, last_.size() - closing_tag.size() + 1);
}

std::string ThoughtBudget::closing() const {
  // Part of the tag may have been written already.
  auto written = std::min(last_.size(), closing_tag.size() - 1);
  while (written > 0 && !closing_tag.starts_with(std::string_view(last_).substr(last_.size() - written))) --written;
  if (written > 0) return std::string(closing_tag.substr(written)) + "\n\n";
  return (last_.ends_with('\n') ? "" : "\n") + std::string(closing_tag) + "\n\n";
}

}  // namespace dspy::llama
