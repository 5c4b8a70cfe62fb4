#include "dspy/agents/memory/context_builder.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <format>
#include <functional>
#include <numeric>
#include <utility>

namespace dspy {
namespace {

std::size_t tokens_of(std::span<const Message> messages, const TokenCounter& counter) {
  std::size_t out = 0;
  for (const auto& message : messages) out += message_tokens(message, counter);
  return out;
}

/// From where on the end of `messages` has no more than `most` tokens.
std::size_t cut_point(std::span<const Message> messages, std::size_t most, const TokenCounter& counter) {
  const auto groups = message_groups(messages);
  auto begin = messages.size();
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    const auto tokens = tokens_of(*group, counter);
    if (tokens > most) break;
    most -= tokens;
    begin -= group->size();
  }
  return begin;
}

}  // namespace

ContextBuilder::ContextBuilder(ContextBuilderOptions options) : options_(std::move(options)) {
  if (!options_.counter) throw Error(Errc::invalid_parameter, "a context needs a counter of tokens; leave the default");
}

void ContextBuilder::add(ContextItem item) {
  items_.push_back(std::move(item));
}

BuiltContext ContextBuilder::build() const {
  struct Chosen {
    std::size_t begin = 0, tokens = 0;
    bool is_in = false;
  };
  std::vector<Chosen> chosen(items_.size());
  auto left = options_.max_tokens;
  std::size_t required = 0;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    chosen[i].tokens = tokens_of(items_[i].messages, options_.counter);
    if (!items_[i].required) continue;
    required += chosen[i].tokens;
    chosen[i].is_in = true;
  }
  if (required > left)
    throw Error(Errc::context_too_long,
                std::format("the required parts of the prompt have {} tokens, but only {} are allowed", required, left),
                {.actual = required, .max = left});
  left -= required;

  std::vector<std::size_t> order(items_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater(), [&](std::size_t i) { return items_[i].priority; });
  for (const auto i : order) {
    if (chosen[i].is_in) continue;
    if (chosen[i].tokens > left) {
      if (!items_[i].may_be_cut) continue;
      chosen[i].begin = cut_point(items_[i].messages, left, options_.counter);
      if (chosen[i].begin == items_[i].messages.size()) continue;
    }
    chosen[i].is_in = true;
    left -= tokens_of(std::span(items_[i].messages).subspan(chosen[i].begin), options_.counter);
  }

  BuiltContext out;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const std::span all = items_[i].messages;
    const auto gone = chosen[i].is_in ? all.first(chosen[i].begin) : all;
    const auto kept = all.subspan(gone.size());
    if (!gone.empty())
      out.left_out.push_back(
          {.name = items_[i].name, .messages = gone.size(), .tokens = tokens_of(gone, options_.counter)});
    out.tokens += tokens_of(kept, options_.counter);
    out.messages.insert(out.messages.end(), kept.begin(), kept.end());
  }
  return out;
}

}  // namespace dspy
