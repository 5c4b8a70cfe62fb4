#include "dspy/lm/prefix_order.hpp"

#include <algorithm>
#include <compare>
#include <numeric>

namespace dspy {
namespace {

std::strong_ordering compare(const Chat& a, const Chat& b) {
  const auto shared = a.prefix() != nullptr && a.prefix() == b.prefix() ? a.prefix()->size() : 0;
  const auto both = std::min(a.size(), b.size());
  for (auto i = shared; i < both; ++i) {
    if (const auto order = a[i].role <=> b[i].role; order != 0) return order;
    if (const auto order = a[i].content <=> b[i].content; order != 0) return order;
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
