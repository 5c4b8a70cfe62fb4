#include "llama/mask/field_tracker.hpp"

#include "dspy/lm/contract.hpp"
#include "dspy/lm/reply_notation.hpp"
#include "dspy/signature/field.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace dspy::llama::mask {
namespace {

using Form = OutputContract::Form;

/// Without what may also be the beginning of a value's first token: blanks and line ends.
std::string heading(const ReplyNotation& notation, const Field& field, bool first) {
  if (notation.form == Form::text) return {};
  // Of JSON, members of inner objects stand further to the right, and strings have no line ends.
  std::string out(first && notation.begin.empty() ? std::string_view() : notation.anchor);
  return out.append(notation.opening(field));
}

/// What comes after the last value, where it cannot be a part of a value.
std::string ending(const ReplyNotation& notation, const Field& last) {
  return notation.form == Form::json ? std::string() : notation.closing(last.name).append(notation.end);
}

}  // namespace

FieldTracker::FieldTracker(const OutputContract& contract) : may_think_(contract.may_think) {
  if (contract.signature == nullptr || contract.form == Form::text) return;
  const auto& notation = ReplyNotation::of(contract.form);
  for (const auto& field : contract.signature->outputs) {
    names_.push_back(field.name);
    headings_.push_back(heading(notation, field, headings_.empty()));
    if (contract.literal_text) empties_.push_back(notation.empty_element(field.name));
  }
  if (names_.empty()) return;
  if (auto end = ending(notation, contract.signature->outputs.back()); !end.empty())
    headings_.push_back(std::move(end));
}

std::optional<std::size_t> FieldTracker::field() const noexcept {
  if (next_ == 0 || next_ > names_.size()) return std::nullopt;
  return next_ - 1;
}

std::optional<std::size_t> FieldTracker::push(std::string_view text) {
  constexpr std::string_view opening = "<think>";
  constexpr std::string_view closing = "</think>";
  auto belongs = field();
  open_ += text;
  taken_ += text.size();
  if (may_think_) {
    if (open_.size() < opening.size() && opening.starts_with(open_)) return belongs;
    const bool thinks = open_.starts_with(opening);
    const auto end = open_.find(closing);
    if (thinks && end == std::string::npos) {
      // Of the thoughts, only what may be the beginning of their end is looked at again.
      const auto before = opening.size() + closing.size() - 1;
      if (open_.size() > before) open_.erase(opening.size(), open_.size() - before);
      return belongs;
    }
    if (thinks) open_.erase(0, end + closing.size());
    may_think_ = false;
  }
  while (next_ < headings_.size()) {
    auto at = open_.find(headings_[next_]);
    auto size = headings_[next_].size();
    if (next_ < empties_.size()) {
      if (const auto empty = open_.find(empties_[next_]); empty < at) {
        at = empty;
        size = empties_[next_].size();
      }
    }
    if (at == std::string::npos) break;
    open_.erase(0, at + size);
    ++next_;
    starts_.push_back(open_.empty() ? taken_ : taken_ - text.size());
    if (!open_.empty()) belongs = field();
  }
  const auto longest = next_ < headings_.size() ? headings_[next_].size() + 1 : 0;
  if (open_.size() > longest) open_.erase(0, open_.size() - longest);
  return belongs;
}

}  // namespace dspy::llama::mask
