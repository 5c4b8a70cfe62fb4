#include "dspy/http/curl_transport.hpp"

#include "base/bell.hpp"
#include "dspy/base/error.hpp"
#include "http/curl/errors.hpp"
#include "http/curl/loop.hpp"
#include "http/curl/transfer.hpp"
#include "http/curl/web_socket.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <format>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace dspy::http {
namespace {

using curl::Loop;
using curl::Transfer;

/// The reader's end of a transfer.  Its own end is the transfer's.
class Call {
 public:
  Call(std::shared_ptr<Loop> loop, std::shared_ptr<Transfer> transfer, const std::stop_token& stop)
      : loop_(std::move(loop)), transfer_(std::move(transfer)), on_stop_(stop, [this] { cancel(); }) {
    loop_->start(transfer_);
  }
  ~Call() {
    if (!is_over_) loop_->leave(transfer_);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  /// From any thread.
  void cancel() const {
    transfer_->shared.end(curl::stopped_error());
    loop_->drop(transfer_);
    transfer_->shared.bell->ring();
  }

  std::optional<Streamed> take_head() {
    const std::lock_guard lock(transfer_->shared.mutex);
    auto& shared = transfer_->shared;
    // The start of a reply is reported before its end.
    const bool is_cancelled = shared.error && shared.error->code() == Errc::cancelled;
    if (shared.is_over && (!shared.head || is_cancelled)) fail();
    return std::exchange(shared.head, std::nullopt);
  }

  enum class Bytes { some, none, end };

  /// Takes what has come.  Asks for more where it is `none`.
  Bytes take_bytes(std::string& bytes) {
    auto& shared = transfer_->shared;
    {
      const std::lock_guard lock(shared.mutex);
      if (shared.is_over && shared.error && shared.error->code() == Errc::cancelled) fail();
      if (shared.bytes.empty()) {
        if (!shared.is_over) {
          shared.asked = std::chrono::steady_clock::now();
          return Bytes::none;
        }
        if (shared.error) fail();
        is_over_ = true;
        return Bytes::end;
      }
      bytes = std::exchange(shared.bytes, {});
      shared.asked.reset();
      if (!std::exchange(shared.is_paused, false)) return Bytes::some;
    }
    loop_->resume(transfer_);
    return Bytes::some;
  }

  static Async<void> wait(std::shared_ptr<Call> call) {
    auto bell = call->transfer_->shared.bell;
    co_await Bell::wait(std::move(bell), [weak = std::weak_ptr(call)] {
      if (const auto alive = weak.lock()) alive->cancel();
    });
  }

 private:
  [[noreturn]] void fail() {
    is_over_ = true;
    throw Error(transfer_->shared.error ? *transfer_->shared.error : curl::stopped_error());
  }

  std::shared_ptr<Loop> loop_;
  std::shared_ptr<Transfer> transfer_;
  bool is_over_ = false;
  std::stop_callback<std::function<void()>> on_stop_;  ///< Last: it uses the others.
};

class CurlBody final : public Body {
 public:
  explicit CurlBody(std::shared_ptr<Call> call) : call_(std::move(call)) {}

  Async<std::optional<std::string>> next() override { return read(call_); }

 private:
  static Async<std::optional<std::string>> read(std::shared_ptr<Call> call) {
    std::string bytes;
    while (true) {
      const auto taken = call->take_bytes(bytes);
      if (taken == Call::Bytes::some) co_return bytes;
      if (taken == Call::Bytes::end) co_return std::nullopt;
      co_await Call::wait(call);
    }
  }

  std::shared_ptr<Call> call_;
};

/// A forked process has the loop's memory, but not its thread, and shares its sockets: there it is neither used nor
/// taken apart, which would disturb the process that it is of.
std::shared_ptr<Loop> loop_of_this_process(const CurlOptions& options) {
  auto loop = std::make_unique<Loop>(options);
  return {loop.release(), [owner = ::getpid()](Loop* ended) {
            if (::getpid() == owner) std::unique_ptr<Loop>(ended).reset();
          }};
}

class CurlTransport final : public Transport {
 public:
  explicit CurlTransport(CurlOptions options) : options_(std::move(options)), loop_(loop_of_this_process(options_)) {}

  Async<Streamed> open(Request request) override {
    require_own_process();
    return begin(loop_, options_, std::move(request));
  }

  Async<Upgraded> connect(Request request, SocketLimits limits) override {
    require_own_process();
    return begin_socket(loop_, options_, std::move(request), limits);
  }

 private:
  void require_own_process() const {
    if (::getpid() != owner_)
      throw Error(Errc::backend_error,
                  "this process was forked from the one that created the transport, and the I/O thread does not "
                  "survive a fork; create LMs and transports after the fork");
  }

  static void require_time(const Request& request) {
    if (request.stop.stop_requested()) throw curl::stopped_error();
    if (request.deadline && *request.deadline <= std::chrono::steady_clock::now())
      throw Error(Errc::deadline_exceeded, "the deadline passed before the request was sent");
  }

  static Async<Upgraded> begin_socket(std::shared_ptr<Loop> loop, CurlOptions options, Request request,
                                      SocketLimits limits) {
    require_time(request);
    co_return co_await curl::connect(std::move(loop), std::move(options), std::move(request), limits);
  }

  static Async<Streamed> begin(std::shared_ptr<Loop> loop, CurlOptions options, Request request) {
    require_time(request);
    auto stop = request.stop;
    auto transfer = std::make_shared<Transfer>(std::move(request), options, loop->take_handle());
    auto call = std::make_shared<Call>(std::move(loop), std::move(transfer), stop);
    while (true) {
      if (auto head = call->take_head()) {
        head->body = std::make_unique<CurlBody>(std::move(call));
        co_return *std::move(head);
      }
      co_await Call::wait(call);
    }
  }

  CurlOptions options_;
  std::shared_ptr<Loop> loop_;
  const pid_t owner_ = ::getpid();
};

void require(bool holds, const char* what) {
  if (!holds) throw Error(Errc::invalid_parameter, std::format("options of a transport: {}", what));
}

}  // namespace

std::shared_ptr<Transport> curl_transport(CurlOptions options) {
  require(options.buffer_bytes > 0, "buffer_bytes must be above 0, or nothing could be read");
  require(options.most_header_bytes > 0, "most_header_bytes must be above 0, or no reply could be read");
  require(options.connections_per_host >= 0, "connections_per_host must be 0 (no limit) or more");
  require(options.idle_connections >= 0, "idle_connections must be 0 or more");
  return std::make_shared<CurlTransport>(std::move(options));
}

std::shared_ptr<Transport> default_transport() {
  static const auto shared = curl_transport();
  static const auto owner = ::getpid();
  if (::getpid() == owner) return shared;
  // In a process that was forked from the one that made it.
  static const auto own = curl_transport();
  return own;
}

}  // namespace dspy::http
