#include "dspy/server/event_stream.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/routes.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

namespace asio = boost::asio;

/// The timer is the door bell: it belongs to the executor of the one that waits, which does one thing at a time.
class PipeOf final : public Pipe, public std::enable_shared_from_this<PipeOf> {
 public:
  explicit PipeOf(const asio::any_io_executor& executor) : bell_(executor) {}

  void push(std::string_view text) override {
    const std::lock_guard lock(mutex_);
    waiting_ += text;
    ring();
  }

  void close() override {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    ring();
  }

  Async<std::optional<std::string>> next() override {
    return [](std::shared_ptr<PipeOf> self) -> Async<std::optional<std::string>> {
      if (auto ready = self->take()) co_return *std::move(ready);
      self->bell_.expires_after(std::chrono::seconds(15));
      co_await self->bell_.async_wait(asio::as_tuple(asio::use_awaitable));
      auto ready = self->take();
      {
        const std::lock_guard lock(self->mutex_);
        self->is_awaited_ = false;
      }
      co_return ready ? *std::move(ready) : std::string();
    }(shared_from_this());
  }

 private:
  using Taken = std::optional<std::string>;

  /// What `next` returns, if it need not wait.
  std::optional<Taken> take() {
    const std::lock_guard lock(mutex_);
    if (!waiting_.empty()) return std::exchange(waiting_, {});
    if (is_closed_) return Taken();
    is_awaited_ = true;
    return std::nullopt;
  }

  void ring() {
    if (!std::exchange(is_awaited_, false)) return;
    asio::post(bell_.get_executor(), [self = shared_from_this()] { self->bell_.cancel(); });
  }

  std::mutex mutex_;
  std::string waiting_;
  bool is_closed_ = false;
  bool is_awaited_ = false;
  asio::steady_timer bell_;
};

Async<void> pump(std::shared_ptr<Pipe> pipe, BodyWriter& writer) {
  while (auto piece = co_await pipe->next())
    co_await writer.write(piece->empty() ? ": still here\n\n" : *std::move(piece));
}

Async<void> feed(const std::function<Async<void>(std::shared_ptr<Pipe>)>& work, std::shared_ptr<Pipe> pipe) {
  try {
    co_await work(pipe);
  } catch (const Error& error) {
    pipe->push(sent_event("error", error_body(error, status_of(error))));
  } catch (const std::exception& error) {
    log(LogLevel::error, "server", error.what());
    pipe->push(
        sent_event("error", error_body(Error(Errc::inference_failed, "the server failed; its log says why"), 500)));
  }
  pipe->close();
}

Async<void> feed_and_pump(std::function<Async<void>(std::shared_ptr<Pipe>)> work, BodyWriter& writer) {
  const auto pipe = co_await make_pipe();
  std::vector<Async<void>> both;
  both.push_back(feed(work, pipe));
  both.push_back(pump(pipe, writer));
  co_await when_all(std::move(both));
}

}  // namespace

Async<std::shared_ptr<Pipe>> make_pipe() {
  co_return std::make_shared<PipeOf>(co_await asio::this_coro::executor);
}

std::string sent_event_text(std::string_view name, std::string_view data) {
  std::string out;
  out.reserve(name.size() + data.size() + 20);
  if (!name.empty()) out.append("event: ").append(name).append("\n");
  while (true) {
    const auto end = std::min(data.find('\n'), data.size());
    out.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == data.size()) break;
    data.remove_prefix(end + 1);
  }
  return out += "\n";
}

std::string sent_event(std::string_view name, const Json& data) {
  return sent_event_text(name, to_text(data));
}

HttpResponse event_stream(std::function<Async<void>(std::shared_ptr<Pipe>)> work) {
  return {.headers = {{.name = "Content-Type", .value = "text/event-stream"},
                      {.name = "Cache-Control", .value = "no-cache"},
                      {.name = "X-Accel-Buffering", .value = "no"}},
          .stream = [work = std::move(work)](BodyWriter& writer) { return feed_and_pump(work, writer); }};
}

}  // namespace dspy::server
