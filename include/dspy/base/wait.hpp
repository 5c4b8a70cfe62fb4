#pragma once

#include "dspy/base/async.hpp"

#include <optional>
#include <utility>

namespace dspy {

namespace detail {
/// Drives `work` on the calling thread until it is done; rethrows what it throws.
void run_to_end(Async<void> work);
}  // namespace detail

/// The blocking form: runs `work` on the calling thread and returns its result, or rethrows its exception.  Safe on any
/// thread, also inside another `wait`; costs about 1,000 instructions if nothing has to wait.  Coroutines should use
/// `co_await` instead.
template <class T>
T wait(Async<T> work) {
  std::optional<T> result;
  detail::run_to_end([](Async<T> inner, std::optional<T>& out) -> Async<void> {
    out.emplace(co_await std::move(inner));
  }(std::move(work), result));
  return *std::move(result);
}

inline void wait(Async<void> work) {
  detail::run_to_end(std::move(work));
}

}  // namespace dspy
