#pragma once

#include "dspy/base/async.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <tuple>
#include <utility>
#include <vector>

// Tools for coroutines besides `co_await`: concurrency, waiting, cancellation, and computing without blocking the event
// loop.  Using them requires no knowledge of Asio.

namespace dspy {

/// Waits where the caller awaits.  Throws `Error` (`cancelled`) when `stop` is asked first.
Async<void> sleep(std::chrono::nanoseconds time, std::stop_token stop = {});

namespace detail {

/// Runs all at once where the caller awaits.  What one throws cancels the others and reaches the caller when all have
/// ended.
Async<void> run_all(std::vector<Async<void>> works);
/// Runs `work` on a compute thread; exceptions reach the caller.
Async<void> run_on_cpu(std::function<void()> work);
/// Runs `work` on the library's own event loop.
void run_in_background(Async<void> work);
/// Runs `work` until it ends or `stop` is asked, which cancels it.
Async<void> run_until(Async<void> work, std::stop_token stop);

template <class T>
Async<void> keep(Async<T> work, std::optional<T>& result) {
  result.emplace(co_await std::move(work));
}

}  // namespace detail

/// Does all at once, and returns their results in their order.
///
///     auto [weather, news] = co_await dspy::when_all(ask_weather(), ask_news());
template <class... T>
Async<std::tuple<T...>> when_all(Async<T>... works) {
  std::tuple<std::optional<T>...> results;
  std::vector<Async<void>> all;
  all.reserve(sizeof...(T));
  std::apply([&](auto&... result) { (all.push_back(detail::keep(std::move(works), result)), ...); }, results);
  co_await detail::run_all(std::move(all));
  co_return std::apply([](auto&... result) { return std::tuple<T...>(*std::move(result)...); }, results);
}

template <class T>
Async<std::vector<T>> when_all(std::vector<Async<T>> works) {
  std::vector<std::optional<T>> results(works.size());
  std::vector<Async<void>> all;
  all.reserve(works.size());
  for (std::size_t i = 0; i < works.size(); ++i) all.push_back(detail::keep(std::move(works[i]), results[i]));
  co_await detail::run_all(std::move(all));
  std::vector<T> out;
  out.reserve(results.size());
  for (auto& result : results) out.push_back(*std::move(result));
  co_return out;
}

inline Async<void> when_all(std::vector<Async<void>> works) {
  return detail::run_all(std::move(works));
}

/// Starts `work` on the library's own event loop, and returns at once.  What it throws is thrown by the future.
///
///     std::future<Prediction> later = dspy::spawn(predict.acall({{"question", "…"}}));
template <class T>
std::future<T> spawn(Async<T> work) {
  auto promise = std::make_shared<std::promise<T>>();
  auto future = promise->get_future();
  detail::run_in_background([](Async<T> inner, std::shared_ptr<std::promise<T>> out) -> Async<void> {
    try {
      if constexpr (std::is_void_v<T>) {
        co_await std::move(inner);
        out->set_value();
      } else {
        out->set_value(co_await std::move(inner));
      }
    } catch (...) {
      out->set_exception(std::current_exception());
    }
  }(std::move(work), std::move(promise)));
  return future;
}

/// Runs `work` on one of a few compute threads, and resumes on the caller's executor, so that tokenizing, hashing or
/// compressing does not block an event loop.
template <class F>
auto on_cpu(F work) -> Async<decltype(work())> {
  using T = decltype(work());
  if constexpr (std::is_void_v<T>) {
    co_await detail::run_on_cpu(std::move(work));
  } else {
    std::optional<T> result;
    co_await detail::run_on_cpu([&] { result.emplace(work()); });
    co_return *std::move(result);
  }
}

/// `work`, cancelled when `stop` is asked.  Throws `Error` (`cancelled`) then.
template <class T>
Async<T> until(Async<T> work, std::stop_token stop) {
  if constexpr (std::is_void_v<T>) {
    co_await detail::run_until(std::move(work), std::move(stop));
  } else {
    std::optional<T> result;
    co_await detail::run_until(detail::keep(std::move(work), result), std::move(stop));
    co_return *std::move(result);
  }
}

}  // namespace dspy
