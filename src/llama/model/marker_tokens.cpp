#include "llama/model/marker_tokens.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::llama {

MarkerTokens::MarkerTokens(const RuntimeModel& model, const ToolFormat& format) {
  for (auto& text : format.markers()) {
    const auto tokens = model.tokenize(text, true);
    if (tokens.size() != 1 || !model.token_facts(tokens[0]).control || model.token_facts(tokens[0]).ends_generation)
      continue;
    if (model.token_text(tokens[0]) == text) markers_.push_back({.text = std::move(text), .token = tokens[0]});
  }
}

const std::string* MarkerTokens::find(Token token) const noexcept {
  const auto found = std::ranges::find(markers_, token, &Marker::token);
  return found == markers_.end() ? nullptr : &found->text;
}

std::vector<Token> MarkerTokens::tokenize(std::string_view text,
                                          const std::function<std::vector<Token>(std::string_view)>& plain) const {
  std::vector<Token> out;
  while (!text.empty()) {
    const Marker* next = nullptr;
    auto at = text.size();
    for (const auto& marker : markers_) {
      if (const auto found = text.find(marker.text); found < at) {
        at = found;
        next = &marker;
      }
    }
    if (at > 0) {
      const auto before = plain(text.substr(0, at));
      if (before.empty()) return {};
      out.insert(out.end(), before.begin(), before.end());
    }
    if (next == nullptr) break;
    out.push_back(next->token);
    text.remove_prefix(at + next->text.size());
  }
  return out;
}

}  // namespace dspy::llama
