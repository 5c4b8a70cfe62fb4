#include "dspy/http/line_reader.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <cstring>
#include <format>
#include <utility>

namespace dspy::http {

void LineReader::feed(std::string bytes) {
  if (begin_ == bytes_.size()) {
    bytes_ = std::move(bytes);
    lf_ = cr_ = {};
  } else {
    bytes_.erase(0, begin_);
    bytes_ += bytes;
    for (auto* mark : {&lf_, &cr_}) {
      const bool is_known = mark->at != std::string::npos && mark->at >= begin_;
      *mark = {.at = is_known ? mark->at - begin_ : std::string::npos,
               .looked = mark->looked - std::min(mark->looked, begin_)};
    }
  }
  begin_ = 0;
}

std::size_t LineReader::find(char byte, Mark& mark) const noexcept {
  if (mark.at != std::string::npos && mark.at >= begin_) return mark.at;
  const auto from = std::max(begin_, mark.looked);
  const auto* const found =
      from < bytes_.size() ? std::memchr(bytes_.data() + from, byte, bytes_.size() - from) : nullptr;
  mark.at =
      found == nullptr ? std::string::npos : static_cast<std::size_t>(static_cast<const char*>(found) - bytes_.data());
  mark.looked = found == nullptr ? bytes_.size() : mark.at + 1;
  return mark.at;
}

void LineReader::require_fitting(std::size_t size) const {
  if (size <= most_bytes_) return;
  throw Error(Errc::stream_broken,
              std::format("the stream has a line of more than {} bytes, which is as much as is read", most_bytes_));
}

std::optional<std::string_view> LineReader::next() {
  if (skips_lf_ && begin_ < bytes_.size()) {
    if (bytes_[begin_] == '\n') ++begin_;
    skips_lf_ = false;
  }
  const auto lf = find('\n', lf_);
  const auto cr = ends_ == LineEnds::any ? find('\r', cr_) : std::string::npos;
  const auto end = std::min(lf, cr);
  require_fitting((end == std::string::npos ? bytes_.size() : end) - begin_);
  if (end == std::string::npos) return std::nullopt;

  auto line = std::string_view(bytes_).substr(begin_, end - begin_);
  begin_ = end + 1;
  if (end == cr) skips_lf_ = true;
  if (ends_ == LineEnds::lf && line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::optional<std::string_view> LineReader::rest() {
  if (skips_lf_ && begin_ < bytes_.size() && bytes_[begin_] == '\n') ++begin_;
  skips_lf_ = false;
  if (begin_ == bytes_.size()) return std::nullopt;
  const auto line = std::string_view(bytes_).substr(begin_);
  begin_ = bytes_.size();
  return line;
}

}  // namespace dspy::http
