#pragma once

#include "dspy/base/async.hpp"
#include "errors.hpp"

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

// Where Python waits for C++: always without the GIL, and so that Ctrl-C is heard.

namespace dspy::python {

bool interpreter_is_ending() noexcept;

/// Throws `Error` (`config_error`) in a process that was forked off one in which threads of ours were at work.
void require_unforked();
/// From now on a forked child cannot use the library: threads that it needs are only in the parent.
void note_threads() noexcept;

/// What the innermost wait of this thread is for is asked to stop, if there is one.
void stop_current_wait() noexcept;

namespace detail {
/// Drives `work` on the calling thread without the GIL.  On the interpreter's main thread, signals are looked at ten
/// times a second; what their handlers raise stops `work` and is raised when it has ended.
void drive(Async<void> work, std::stop_source& stop);

/// Runs `work` on the background loop; `done` is called there, without the GIL.
void start(Async<void> work, std::stop_source stop, std::function<void(std::exception_ptr)> done);
}  // namespace detail

/// Waits for `make(stop_token)`.
template <class Make>
auto wait_for(Make&& make) {
  require_unforked();
  std::stop_source stop;
  auto work = std::forward<Make>(make)(stop.get_token());
  using T = typename decltype(work)::value_type;
  if constexpr (std::is_void_v<T>) {
    detail::drive(std::move(work), stop);
  } else {
    std::optional<T> result;
    detail::drive([](Async<T> inner, std::optional<T>& out) -> Async<void> { out.emplace(co_await std::move(inner)); }(
                                                                std::move(work), result),
                  stop);
    return *std::move(result);
  }
}

/// A Python awaitable for `make(stop_token)`; `wrap` turns its result into a Python object, with the GIL.  Must be
/// called where an asyncio event loop runs.
template <class Make, class Wrap>
nb::object awaitable(Make&& make, Wrap wrap) {
  require_unforked();
  note_threads();
  std::stop_source stop;
  auto work = std::forward<Make>(make)(stop.get_token());
  using T = typename decltype(work)::value_type;
  const auto result = std::make_shared<std::optional<T>>();
  const nb::object bridge = nb::module_::import_("dspy_cpp._asyncio").attr("Bridge")(nb::cpp_function([stop] {
    std::stop_source(stop).request_stop();
  }));
  detail::start(
      [](Async<T> inner, std::shared_ptr<std::optional<T>> out) -> Async<void> {
        out->emplace(co_await std::move(inner));
      }(std::move(work), result),
      stop,
      [result, wrap = std::move(wrap), held = Held(bridge)](const std::exception_ptr& failure) {
        with_python([&] {
          nb::object value = nb::none(), exception = nb::none();
          if (failure) {
            exception = to_exception(failure);
          } else {
            try {
              value = wrap(*std::move(*result));
            } catch (...) {
              exception = to_exception(std::current_exception());
            }
          }
          held.get().attr("finish")(value, exception);
        });
      });
  return bridge.attr("future");
}

/// Runs `work` on a thread that may wait for Python, one of up to 256; the caller goes on where it awaits.
Async<void> on_python_thread(std::function<void()> work);

}  // namespace dspy::python
