#include "agents/arena.hpp"

#include <functional>
#include <new>

namespace dspy {
namespace {

constexpr std::size_t step = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

void* Arena::do_allocate(std::size_t bytes, std::size_t alignment) {
  const auto taken = (bytes + step - 1) / step * step;
  const auto at = used_.fetch_add(taken, std::memory_order_relaxed);
  if (alignment <= step && at + taken <= size_) return block_.get() + at;
  return alignment <= step ? ::operator new(bytes) : ::operator new(bytes, std::align_val_t(alignment));
}

void Arena::do_deallocate(void* at, std::size_t bytes, std::size_t alignment) {
  const auto* const from = static_cast<const std::byte*>(at);
  const std::less<> is_before;
  if (!is_before(from, block_.get()) && is_before(from, block_.get() + size_)) return;
  if (alignment <= step) return ::operator delete(at, bytes);
  ::operator delete(at, bytes, std::align_val_t(alignment));
}

}  // namespace dspy
