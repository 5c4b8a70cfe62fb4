#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <thread>
#include <vector>

namespace dspy::test {

/// Runs `work(scratch, next)`, a kernel's part of the work, on `threads` threads at once, each with `bytes` of its own.
template <class Work>
void on_threads(int threads, std::size_t bytes, const Work& work) {
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, std::align_val_t{64}); }
  };
  const auto all = bytes * static_cast<std::size_t>(threads);
  const std::unique_ptr<std::byte, Free> scratch(static_cast<std::byte*>(::operator new(all, std::align_val_t{64})));
  // What a kernel does not write it must not read.
  std::memset(scratch.get(), 0xFF, all);
  int next = 0;
  std::vector<std::jthread> others;
  for (int thread = 1; thread < threads; ++thread)
    others.emplace_back([&, thread] { work(scratch.get() + static_cast<std::size_t>(thread) * bytes, &next); });
  work(scratch.get(), &next);
}

}  // namespace dspy::test
