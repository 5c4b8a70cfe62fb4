#include "llama/jinja/values/text.hpp"

#include <algorithm>
#include <utility>

namespace dspy::llama::jinja {

Text::Text(std::string bytes, bool is_given) : bytes_(std::move(bytes)) {
  if (is_given && !bytes_.empty()) given_.push_back({0, bytes_.size()});
}

void Text::add(Span span) {
  if (!given_.empty() && given_.back().end == span.begin)
    given_.back().end = span.end;
  else
    given_.push_back(span);
}

void Text::append(const Text& more) {
  const auto offset = bytes_.size();
  for (std::size_t i = 0, count = more.given_.size(); i < count; ++i)
    add({more.given_[i].begin + offset, more.given_[i].end + offset});
  bytes_ += more.bytes_;
}

Text Text::part(std::size_t begin, std::size_t end) const {
  Text out;
  end = std::min(end, bytes_.size());
  if (begin >= end) return out;
  out.bytes_ = bytes_.substr(begin, end - begin);
  for (const auto& span : given_) {
    const auto from = std::max(span.begin, begin);
    const auto to = std::min(span.end, end);
    if (from < to) out.given_.push_back({from - begin, to - begin});
  }
  return out;
}

}  // namespace dspy::llama::jinja
