#include "dspy/base/concurrent.hpp"

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

namespace dspy {
namespace {

namespace asio = boost::asio;

using Work = std::function<Async<void>(std::size_t)>;

/// Takes the next number until none is left.  A failure leaves none: the others see that before they are cancelled.  A
/// cancellation ends the turns also where `work` keeps what it was thrown to itself.
Async<void> take_turns(std::size_t count, std::size_t& next, const Work& work) {
  try {
    while (next < count) {
      co_await work(next++);
      const auto cancellation = co_await asio::this_coro::cancellation_state;
      if (cancellation.cancelled() != asio::cancellation_type::none)
        throw boost::system::system_error(asio::error::operation_aborted);
    }
  } catch (...) {
    next = count;
    throw;
  }
}

/// On an executor that runs one thing at a time.
Async<void> run_all(std::size_t count, std::size_t limit, Work work) {
  const auto executor = co_await asio::this_coro::executor;
  std::size_t next = 0;
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

}  // namespace

// On a strand, since the caller's executor may have several threads, which neither starting work in order nor
// cancelling other work allows.
Async<void> run_concurrently(std::size_t count, std::size_t limit, Work work) {
  const auto strand = asio::make_strand(co_await asio::this_coro::executor);
  co_await asio::co_spawn(strand, run_all(count, limit, std::move(work)), asio::use_awaitable);
}

}  // namespace dspy
