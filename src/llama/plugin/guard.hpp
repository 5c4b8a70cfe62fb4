#pragma once

#include "llama/runtime.hpp"

#include <exception>
#include <string>
#include <utility>

// Every call into libllama goes through `guarded`.  A failed assertion in ggml ends the process, unless the abort
// callback throws; it may do so only on a thread that is inside such a call (one of OpenMP's own cannot unwind).

namespace dspy::llama::plugin {

/// What the abort callback throws.
struct Aborted {
  std::string message;
};

/// Set once, before anything else of the plug-in is used.
extern Host host;

/// How many guarded calls the current thread is in.
extern thread_local int guard_depth;
/// The error lines libllama logged on this thread during a guarded call; it returns no reasons.
extern thread_local std::string logged_errors;

[[noreturn]] void fail(Errc code, const std::string& message);

/// Runs `call`; what it throws, or an assertion that fails in it, becomes `Error` (`code`) "`doing`: reason".
template <class F>
auto guarded(Errc code, const char* doing, F&& call) -> decltype(call()) {
  struct Depth {
    Depth() {
      if (guard_depth++ == 0) logged_errors.clear();
    }
    ~Depth() { --guard_depth; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;
  };
  std::string reason;
  try {
    const Depth depth;
    return std::forward<F>(call)();
  } catch (const Aborted& aborted) {
    reason = aborted.message;
  } catch (const std::exception& error) {
    reason = error.what();
  }
  fail(code, std::string(doing) + ": " + reason);
}

}  // namespace dspy::llama::plugin
