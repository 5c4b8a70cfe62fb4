#include "llama/tools/tool_call_holder.hpp"

#include "dspy/base/text.hpp"

#include <algorithm>
#include <utility>

namespace dspy::llama {
namespace {

constexpr std::string_view spaces = " \t\r\n";

}  // namespace

void ToolCallHolder::push(std::string_view text, const std::function<void(std::string_view)>& sink) {
  held_ += text;
  if (in_call_) return;
  if (const std::string_view mark = format_->text_mark; !begun_ && !mark.empty()) {
    if (held_.size() < mark.size() && mark.starts_with(held_)) return;
    begun_ = true;
    if (held_.starts_with(mark)) held_.erase(0, mark.size());
  }
  const auto opening = format_->marker();
  if (opening.empty()) {
    const auto first = held_.find_first_not_of(spaces);
    if (!begun_ && first == std::string::npos) return;
    in_call_ = !begun_ && held_[first] == '{';
    begun_ = true;
    if (!in_call_) sink(std::exchange(held_, {}));
    return;
  }
  if (const auto at = held_.find(opening); at != std::string::npos) {
    in_call_ = true;
    if (const auto before = text::trim_end(std::string_view(held_).substr(0, at)); !before.empty()) sink(before);
    return;
  }
  // What may be the start of the tag waits, with the white space before it.
  auto tag = std::min(held_.size(), opening.size() - 1);
  while (!opening.starts_with(std::string_view(held_).substr(held_.size() - tag))) --tag;
  const auto ready = text::trim_end(std::string_view(held_).substr(0, held_.size() - tag)).size();
  if (ready == 0) return;
  sink(std::string_view(held_).substr(0, ready));
  held_.erase(0, ready);
}

void ToolCallHolder::finish(bool has_calls, const std::function<void(std::string_view)>& sink) {
  if (!has_calls && !held_.empty()) sink(held_);
  held_.clear();
}

}  // namespace dspy::llama
