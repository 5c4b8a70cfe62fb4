#include "dspy/lm/prefix_order.hpp"

#include <algorithm>
#include <compare>
#include <numeric>

namespace dspy {
namespace {

/// By the texts; other parts come after any text, in no order among themselves.
std::strong_ordering compare(const Message& a, const Message& b) {
  for (std::size_t i = 0; i < std::min(a.parts.size(), b.parts.size()); ++i) {
    const auto* const mine = a.parts[i].get<TextPart>();
    const auto* const other = b.parts[i].get<TextPart>();
    if (mine == nullptr || other == nullptr) return (mine == nullptr) <=> (other == nullptr);
    if (const auto order = mine->text <=> other->text; order != 0) return order;
  }
  return a.parts.size() <=> b.parts.size();
}

std::strong_ordering compare(const Chat& a, const Chat& b) {
  const auto shared = a.prefix() != nullptr && a.prefix() == b.prefix() ? a.prefix()->size() : 0;
  const auto both = std::min(a.size(), b.size());
  for (auto i = shared; i < both; ++i) {
    if (const auto order = a[i].role <=> b[i].role; order != 0) return order;
    if (const auto order = compare(a[i], b[i]); order != 0) return order;
  }
  return a.size() <=> b.size();
}

}  // namespace

std::vector<std::size_t> prefix_order(std::span<const Chat> prompts) {
  std::vector<std::size_t> order(prompts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return compare(prompts[a], prompts[b]) < 0; });
  return order;
}

}  // namespace dspy
