#include "providers/stop_cutter.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <variant>

namespace dspy::providers {
namespace {

/// Where the first of them begins.
std::size_t first_stop(std::string_view text, const std::vector<std::string>& stops) {
  auto first = std::string_view::npos;
  for (const auto& stop : stops) first = std::min(first, text.find(stop));
  return first;
}

}  // namespace

StopCutter::StopCutter(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

void StopCutter::push(std::string_view piece, const Sink& sink) {
  if (done_) return;
  held_ += piece;
  if (const auto at = first_stop(held_, stops_); at != std::string::npos) {
    held_.resize(at);
    done_ = true;
    if (!held_.empty()) sink(held_);
    held_.clear();
    return;
  }
  std::size_t kept = 0;
  for (const auto& stop : stops_) {
    auto length = std::min(stop.size() - 1, held_.size());
    while (length > kept && !std::string_view(held_).ends_with(std::string_view(stop).substr(0, length))) --length;
    kept = std::max(kept, length);
  }
  const auto sure = held_.size() - kept;
  if (sure != 0) sink(std::string_view(held_).substr(0, sure));
  held_.erase(0, sure);
}

void StopCutter::finish(const Sink& sink) {
  if (!done_ && !held_.empty()) sink(held_);
  held_.clear();
}

void cut_at_stop(Completion& completion, const std::vector<std::string>& stops) {
  auto wanted = stops;
  std::erase_if(wanted, [](const std::string& stop) { return stop.empty(); });
  const auto at = first_stop(completion.text, wanted);
  if (at == std::string::npos) return;
  completion.text.resize(at);
  completion.finish = FinishReason::stop;
  auto left = at;
  for (auto& part : completion.parts) {
    auto* const text = std::get_if<TextPart>(&part.content);
    if (text == nullptr) continue;
    if (text->text.size() > left) text->text.resize(left);
    left -= text->text.size();
  }
  std::size_t bytes = 0;
  const auto beyond = std::ranges::find_if(completion.logprobs, [&](const TokenLogprob& token) {
    bytes += token.text.size();
    return bytes > at;
  });
  completion.logprobs.erase(beyond, completion.logprobs.end());
}

}  // namespace dspy::providers
