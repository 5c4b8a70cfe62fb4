#pragma once

#include "llama/model/runtime.hpp"

#include <exception>
#include <string>
#include <utility>

// Every call into libllama goes through `guarded`.  A failed assertion in ggml ends the process, unless the abort
// callback throws; it may do so only on a thread that is inside such a call and outside of what a team of OpenMP's
// threads computes together, since the others would wait for it, or use what it unwound.

namespace dspy::llama::plugin {

/// What the abort callback throws.
struct Aborted {
  std::string message;
};

/// Set once, before anything else of the plug-in is used.
extern Host host;

/// How many guarded calls the current thread is in.  Trivial types only: other thread-locals of the main thread are
/// gone before objects that live as long as the process are destroyed.
extern thread_local int guard_depth;
/// Where this thread's guarded call wants libllama's error lines; its functions return no reasons.
extern thread_local std::string* wanted_errors;

[[noreturn]] void fail(Errc code, const std::string& message);

/// Runs `call`; what it throws, or an assertion that fails in it, becomes `Error` (`code`) "`doing`: reason".  `errors`
/// receives what libllama logged as errors meanwhile.
template <class F>
auto guarded(Errc code, const char* doing, std::string& errors, F&& call) -> decltype(call()) {
  struct Scope {
    explicit Scope(std::string& wanted) : before(std::exchange(wanted_errors, &wanted)) { ++guard_depth; }
    ~Scope() {
      --guard_depth;
      wanted_errors = before;
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    std::string* before;
  };
  std::string reason;
  try {
    const Scope scope(errors);
    return std::forward<F>(call)();
  } catch (const Aborted& aborted) {
    reason = aborted.message;
  } catch (const std::exception& error) {
    reason = error.what();
  }
  fail(code, std::string(doing) + ": " + reason);
}

template <class F>
auto guarded(Errc code, const char* doing, F&& call) -> decltype(call()) {
  std::string errors;
  return guarded(code, doing, errors, std::forward<F>(call));
}

}  // namespace dspy::llama::plugin
