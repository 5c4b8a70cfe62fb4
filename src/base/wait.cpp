#include "dspy/base/wait.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>

namespace dspy::detail {
namespace {

void drive(boost::asio::io_context& loop, Async<void> work) {
  std::exception_ptr failure;
  boost::asio::co_spawn(loop, std::move(work), [&failure](std::exception_ptr error) { failure = std::move(error); });
  loop.restart();
  loop.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

// Each thread keeps one event loop, since making one costs more than a whole call.  A
// `wait` inside a `wait` finds it busy and makes its own.
void run_to_end(Async<void> work) {
  thread_local boost::asio::io_context shared_loop(1);
  thread_local bool busy = false;
  if (busy) {
    boost::asio::io_context loop(1);
    drive(loop, std::move(work));
    return;
  }
  struct Release {
    bool& flag;
    explicit Release(bool& owned) : flag(owned) { flag = true; }
    ~Release() { flag = false; }
  } release(busy);
  drive(shared_loop, std::move(work));
}

}  // namespace dspy::detail
