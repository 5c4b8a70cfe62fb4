#include "dspy/server/event_stream.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/gate.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/routes.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
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

/// How much of a reply may wait for a slow client before backpressure is applied to the writer.
constexpr std::size_t most_waiting = 64 << 10;

class PipeOf final : public Pipe, public std::enable_shared_from_this<PipeOf> {
 public:
  void push(std::string_view text) override {
    const std::lock_guard lock(mutex_);
    waiting_ += text;
    if (waiting_.size() > most_waiting) pace_->close();
    has_news_->open();
  }

  void close() override {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    has_news_->open();
  }

  Async<std::optional<std::string>> next() override {
    return [](std::shared_ptr<PipeOf> self) -> Async<std::optional<std::string>> {
      const auto has_come = co_await dspy::Gate::opened(self->has_news_, std::chrono::seconds(15));
      co_return has_come ? self->take() : std::string();
    }(shared_from_this());
  }

  std::shared_ptr<dspy::Gate> pace() const override { return pace_; }

 private:
  std::optional<std::string> take() {
    const std::lock_guard lock(mutex_);
    if (!is_closed_) has_news_->close();
    pace_->open();
    if (waiting_.empty() && is_closed_) return std::nullopt;
    return std::exchange(waiting_, {});
  }

  std::mutex mutex_;
  std::string waiting_;
  bool is_closed_ = false;
  const std::shared_ptr<dspy::Gate> has_news_ = std::make_shared<dspy::Gate>(false);
  const std::shared_ptr<dspy::Gate> pace_ = std::make_shared<dspy::Gate>();
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
  const auto pipe = make_pipe();
  std::vector<Async<void>> both;
  both.push_back(feed(work, pipe));
  both.push_back(pump(pipe, writer));
  co_await when_all(std::move(both));
}

}  // namespace

std::shared_ptr<Pipe> make_pipe() {
  return std::make_shared<PipeOf>();
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
