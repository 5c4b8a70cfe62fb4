#include "dspy/base/concurrent.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <utility>
#include <vector>

namespace dspy {
namespace {

namespace asio = boost::asio;

/// Takes the next number until none is left.
Async<void> take_turns(std::size_t count, std::atomic<std::size_t>& next,
                       const std::function<Async<void>(std::size_t)>& work) {
  for (auto i = next.fetch_add(1); i < count; i = next.fetch_add(1)) co_await work(i);
}

}  // namespace

Async<void> run_concurrently(std::size_t count, std::size_t limit, std::function<Async<void>(std::size_t)> work) {
  const auto executor = co_await asio::this_coro::executor;
  std::atomic<std::size_t> next = 0;
  using Worker = decltype(asio::co_spawn(executor, take_turns(count, next, work), asio::deferred));
  std::vector<Worker> workers;
  workers.reserve(std::min(count, std::max<std::size_t>(limit, 1)));
  while (workers.size() < workers.capacity())
    workers.push_back(asio::co_spawn(executor, take_turns(count, next, work), asio::deferred));
  if (workers.empty()) co_return;

  const auto [ended, failures] = co_await asio::experimental::make_parallel_group(std::move(workers))
                                     .async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
  // In the order in which they ended: the first failure is the cause of what was cancelled after it.
  for (const auto worker : ended) {
    if (failures[worker]) std::rethrow_exception(failures[worker]);
  }
}

}  // namespace dspy
