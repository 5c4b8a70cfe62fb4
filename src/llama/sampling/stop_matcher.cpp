#include "llama/sampling/stop_matcher.hpp"

#include <algorithm>
#include <utility>

namespace dspy::llama {

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase(stops_, "");
}

std::string StopMatcher::push(std::string_view bytes) {
  if (stopped_) return {};
  held_ += bytes;
  auto end = std::string::npos;
  for (const auto& stop : stops_) end = std::min(end, held_.find(stop));
  if (end != std::string::npos) {
    stopped_ = true;
    held_.resize(end);
    return std::exchange(held_, {});
  }

  std::size_t hold = 0;  // the longest end of the text that starts a stop
  for (const auto& stop : stops_) {
    for (auto length = std::min(stop.size() - 1, held_.size()); length > hold; --length) {
      if (held_.ends_with(std::string_view(stop).substr(0, length))) hold = length;
    }
  }
  auto released = held_.substr(0, held_.size() - hold);
  held_.erase(0, released.size());
  return released;
}

std::string StopMatcher::finish() {
  return std::exchange(held_, {});
}

}  // namespace dspy::llama
