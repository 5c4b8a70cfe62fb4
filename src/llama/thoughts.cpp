#include "llama/thoughts.hpp"

#include "dspy/base/text.hpp"

#include <algorithm>
#include <utility>

namespace dspy::llama {
namespace {

constexpr std::string_view opening = "<think>";
constexpr std::string_view closing = "</think>";
constexpr std::string_view spaces = " \t\r\n";

/// How many bytes at the end of `text` may be the start of the closing tag, with white space before it.
std::size_t held_back(std::string_view text) noexcept {
  auto tag = std::min(text.size(), closing.size() - 1);
  while (!closing.starts_with(text.substr(text.size() - tag))) --tag;
  const auto last = text.substr(0, text.size() - tag).find_last_not_of(spaces);
  return last == std::string_view::npos ? text.size() : text.size() - last - 1;
}

}  // namespace

void ThoughtSplitter::push(std::string_view text, const Sink& sink) {
  if (state_ == State::answer) {
    if (!text.empty()) sink(StreamEvent::Kind::text, text);
    return;
  }
  taken_ += text.size();
  held_ += text;
  if (state_ == State::beginning) {
    const auto first = held_.find_first_not_of(spaces);
    const auto begun = first == std::string::npos ? std::string_view() : std::string_view(held_).substr(first);
    if (begun.starts_with(opening)) {
      held_.erase(0, first + opening.size());
      state_ = State::thoughts_begin;
    } else if (opening.starts_with(begun)) {
      return;
    } else {
      state_ = State::answer;
      sink(StreamEvent::Kind::text, std::exchange(held_, {}));
      return;
    }
  }
  if (state_ == State::thoughts_begin) {
    held_.erase(0, std::min(held_.size(), held_.find_first_not_of(spaces)));
    if (held_.empty()) return;
    state_ = State::thoughts;
  }
  if (state_ == State::thoughts) {
    const auto end = held_.find(closing);
    const auto written = std::string_view(held_).substr(0, end);
    const auto ready = end == std::string::npos ? held_.size() - held_back(held_) : text::trim_end(written).size();
    if (ready > 0) sink(StreamEvent::Kind::reasoning, std::string_view(held_).substr(0, ready));
    held_.erase(0, end == std::string::npos ? ready : end + closing.size());
    if (end == std::string::npos) return;
    state_ = State::gap;
  }
  const auto first = held_.find_first_not_of(spaces);
  answer_start_ = first == std::string::npos ? taken_ : taken_ - (held_.size() - first);
  if (first == std::string::npos) {
    held_.clear();
    return;
  }
  state_ = State::answer;
  sink(StreamEvent::Kind::text, std::string_view(held_).substr(first));
  held_.clear();
}

void ThoughtSplitter::finish(const Sink& sink) {
  if (held_.empty()) return;
  if (state_ == State::beginning) sink(StreamEvent::Kind::text, held_);
  if (state_ == State::thoughts) {
    answer_start_ = taken_;
    if (const auto rest = text::trim_end(held_); !rest.empty()) sink(StreamEvent::Kind::reasoning, rest);
  }
  held_.clear();
}

void split_thoughts(Completion& completion) {
  ThoughtSplitter splitter;
  std::string answer;
  const auto sort = [&](StreamEvent::Kind kind, std::string_view text) {
    (kind == StreamEvent::Kind::text ? answer : completion.reasoning) += text;
  };
  splitter.push(completion.text, sort);
  splitter.finish(sort);
  const auto start = splitter.answer_start();
  if (start == 0) return;
  completion.text = std::move(answer);
  std::erase_if(completion.resume_points, [&](const ResumePoint& point) { return point.offset < start; });
  for (auto& point : completion.resume_points) point.offset -= start;
}

std::string joined(const Prefill& prefill) {
  if (prefill.reasoning.empty()) return prefill.text;
  std::string out(opening);
  out.append("\n").append(prefill.reasoning).append("\n").append(closing).append("\n\n").append(prefill.text);
  return out;
}

}  // namespace dspy::llama
