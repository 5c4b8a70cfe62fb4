#include "serving/idle_memory.hpp"

#include <chrono>
#include <cstdint>

#ifdef __GLIBC__
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <span>
#endif

namespace dspy::app {
namespace {

using namespace std::chrono_literals;

constexpr auto idle_time = 5s;

#ifdef __GLIBC__

/// Unmaps the pages of a program's or library's file that nothing writes to: code that only starting took, above all.
/// What runs next is mapped again from the system's cache of the file, in a few hundred microseconds.
int unmap_code(dl_phdr_info* info, std::size_t, void*) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const bool is_file = info->dlpi_name != nullptr && info->dlpi_addr != 0;
  for (const auto& part : std::span(info->dlpi_phdr, is_file ? info->dlpi_phnum : 0)) {
    if (part.p_type != PT_LOAD || (part.p_flags & PF_W) != 0) continue;
    const auto begin = (info->dlpi_addr + part.p_vaddr + page - 1) / page * page;
    const auto end = (info->dlpi_addr + part.p_vaddr + part.p_filesz) / page * page;
    if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

void give_back() {
  ::malloc_trim(0);
  ::dl_iterate_phdr(unmap_code, nullptr);
}

#else

void give_back() {}

#endif

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
