#include "serving/idle_memory.hpp"

#include <chrono>
#include <cstdint>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace dspy::app {
namespace {

using namespace std::chrono_literals;

constexpr auto idle_time = 5s;

void give_back() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace

bool IdleMemory::look(std::uint64_t requests, Time now) {
  if (requests != seen_) {
    const bool has_begun = seen_ == ~std::uint64_t{0};
    seen_ = requests;
    since_ = now;
    is_given_back_ = has_begun;
    if (has_begun) give_back();
    return has_begun;
  }
  if (is_given_back_ || now - since_ < idle_time) return false;
  is_given_back_ = true;
  give_back();
  return true;
}

}  // namespace dspy::app
