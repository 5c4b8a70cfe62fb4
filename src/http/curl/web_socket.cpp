#include "http/curl/web_socket.hpp"

#include "base/bell.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "http/curl/errors.hpp"
#include "http/curl/transfer.hpp"

#include <format>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::http::curl {
namespace {

/// Of libcurl: from here on fragments of a message can be told from its end.
constexpr unsigned oldest_version = 0x080e00;

void require_web_sockets() {
  const auto* const info = curl_version_info(CURLVERSION_NOW);
  bool speaks = false;
  for (const auto* each = info->protocols; *each != nullptr; ++each) speaks = speaks || std::string_view(*each) == "ws";
  if (!speaks || info->version_num < oldest_version)
    throw Error(Errc::unsupported,
                std::format("the installed libcurl {} opens no WebSockets; install 8.14 or later, or ask over HTTP",
                            info->version),
                {.feature = "websocket"});
}

/// `wss://` becomes `https://`, as which URLs are checked.
void use_http_scheme(std::string& url) {
  const auto begins = [&](std::string_view scheme) {
    return text::equals_ignoring_case(std::string_view(url).substr(0, scheme.size()), scheme);
  };
  if (begins("wss://")) url.replace(0, 3, "https");
  if (begins("ws://")) url.replace(0, 2, "http");
}

/// A user's end of a socket.
class Ends {
 public:
  Ends(std::shared_ptr<Loop> loop, std::shared_ptr<Transfer> transfer)
      : loop_(std::move(loop)), transfer_(std::move(transfer)) {
    loop_->start(transfer_);
  }
  ~Ends() {
    const bool is_left = !is_over();
    if (is_left) loop_->leave(transfer_);
  }
  Ends(const Ends&) = delete;
  Ends& operator=(const Ends&) = delete;

  Transfer& transfer() const noexcept { return *transfer_; }
  SocketShared& shared() const noexcept { return transfer_->line()->shared; }
  void wake() const { loop_->wake(transfer_); }

  /// From any thread.
  void cancel() const {
    transfer_->end(stopped_error());
    loop_->drop(transfer_);
  }

  bool is_over() const {
    const std::lock_guard lock(shared().mutex);
    return shared().is_over;
  }

  static Async<void> wait(std::shared_ptr<Ends> ends, std::shared_ptr<Bell> bell) {
    co_await Bell::wait(std::move(bell), [weak = std::weak_ptr(ends)] {
      if (const auto alive = weak.lock()) alive->cancel();
    });
  }

 private:
  std::shared_ptr<Loop> loop_;
  std::shared_ptr<Transfer> transfer_;
};

/// Ends the socket when the caller wants to stop.
class StopGuard {
 public:
  StopGuard(const std::shared_ptr<Ends>& ends, const std::stop_token& stop) : on_stop_(stop, Cancel{.ends = ends}) {}

 private:
  struct Cancel {
    std::weak_ptr<Ends> ends;
    void operator()() const {
      if (const auto alive = ends.lock()) alive->cancel();
    }
  };
  std::stop_callback<Cancel> on_stop_;
};

class CurlSocket final : public WebSocket {
 public:
  explicit CurlSocket(std::shared_ptr<Ends> ends) : ends_(std::move(ends)) {}

  Async<void> send(std::string text, SocketWait wait) override { return push(ends_, std::move(text), std::move(wait)); }
  Async<std::optional<std::string>> next(SocketWait wait) override { return take(ends_, std::move(wait)); }
  Async<void> close(SocketClose why) override { return end(ends_, std::move(why)); }

  std::optional<SocketClose> closed() const override {
    const std::lock_guard lock(ends_->shared().mutex);
    return ends_->shared().closed;
  }
  bool is_open() const override { return !ends_->is_over(); }

 private:
  static void require_open(const SocketShared& shared) {
    if (!shared.is_over) return;
    if (shared.error) throw Error(*shared.error);
    throw Error(Errc::stream_broken, "the WebSocket is closed; open another one");
  }

  static Async<void> push(std::shared_ptr<Ends> ends, std::string text, SocketWait wait) {
    if (const auto position = text::invalid_utf8(text))
      throw Error(Errc::invalid_parameter,
                  std::format("a WebSocket's message is not UTF-8 at byte {}; convert the text first", *position),
                  {.position = position});
    const StopGuard guard(ends, wait.stop);
    auto& shared = ends->shared();
    const auto limit = ends->transfer().line()->limits().waiting_bytes;
    {
      const std::lock_guard lock(shared.mutex);
      require_open(shared);
      shared.outgoing_bytes += text.size();
      shared.outgoing.push_back(std::move(text));
      shared.write_by = wait.deadline;
    }
    ends->wake();
    while (true) {
      {
        const std::lock_guard lock(shared.mutex);
        if (shared.outgoing_bytes <= limit) {
          shared.write_by.reset();
          co_return;
        }
        require_open(shared);
      }
      co_await Ends::wait(ends, shared.writer);
    }
  }

  enum class Taken { message, end, none };

  static Taken try_take(const Ends& ends, std::string& message, const SocketWait& wait) {
    auto& shared = ends.shared();
    bool must_wake = false;
    auto taken = Taken::none;
    {
      const std::lock_guard lock(shared.mutex);
      const bool is_cancelled = shared.is_over && shared.error && shared.error->code() == Errc::cancelled;
      if (is_cancelled) throw Error(*shared.error);
      if (!shared.incoming.empty()) {
        message = std::move(shared.incoming.front());
        shared.incoming.pop_front();
        must_wake = SocketLine::holds_back(shared.incoming_bytes);
        shared.incoming_bytes -= message.size() + 1;
        must_wake = must_wake && !SocketLine::holds_back(shared.incoming_bytes);
        shared.asked.reset();
        shared.read_by.reset();
        taken = Taken::message;
      } else if (shared.is_over) {
        if (shared.error) throw Error(*shared.error);
        taken = Taken::end;
      } else {
        shared.asked = std::chrono::steady_clock::now();
        must_wake = shared.idle != wait.idle || shared.read_by != wait.deadline;
        shared.idle = wait.idle;
        shared.read_by = wait.deadline;
      }
    }
    if (must_wake) ends.wake();
    return taken;
  }

  static Async<std::optional<std::string>> take(std::shared_ptr<Ends> ends, SocketWait wait) {
    const StopGuard guard(ends, wait.stop);
    std::string message;
    while (true) {
      const auto taken = try_take(*ends, message, wait);
      if (taken == Taken::message) co_return message;
      if (taken == Taken::end) co_return std::nullopt;
      co_await Ends::wait(ends, ends->shared().reader);
    }
  }

  static Async<void> end(std::shared_ptr<Ends> ends, SocketClose why) {
    auto& shared = ends->shared();
    {
      const std::lock_guard lock(shared.mutex);
      if (shared.is_over) co_return;
      shared.goodbye = std::move(why);
      shared.incoming.clear();
      shared.incoming_bytes = 0;  // a goodbye behind unread messages must be reached
    }
    ends->wake();
    while (!ends->is_over()) co_await Ends::wait(ends, shared.writer);
  }

  std::shared_ptr<Ends> ends_;
};

}  // namespace

Async<Upgraded> connect(std::shared_ptr<Loop> loop, CurlOptions options, Request request, SocketLimits limits) {
  require_web_sockets();
  use_http_scheme(request.url);
  request.method = "GET";
  request.body.clear();
  auto stop = request.stop;
  auto transfer = std::make_shared<Transfer>(std::move(request), options, loop->take_handle(), limits);
  auto ends = std::make_shared<Ends>(std::move(loop), std::move(transfer));
  const StopGuard guard(ends, stop);
  auto& shared = ends->transfer().shared;
  while (true) {
    {
      const std::lock_guard lock(shared.mutex);
      const bool is_cancelled = shared.error && shared.error->code() == Errc::cancelled;
      if (shared.head && !is_cancelled && (shared.is_upgraded || (shared.is_over && shared.head->status != 101))) {
        Upgraded out{.status = shared.head->status, .headers = std::move(shared.head->headers)};
        if (shared.is_upgraded) out.socket = std::make_unique<CurlSocket>(ends);
        co_return out;
      }
      if (shared.is_over) throw Error(shared.error ? *shared.error : stopped_error());
    }
    co_await Ends::wait(ends, shared.bell);
  }
}

}  // namespace dspy::http::curl
