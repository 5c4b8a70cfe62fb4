#include "http/curl/loop.hpp"

#include "dspy/base/error.hpp"
#include "http/curl/errors.hpp"

#include <boost/asio/post.hpp>

#include <csignal>
#include <exception>
#include <format>
#include <new>
#include <utility>

namespace asio = boost::asio;

namespace dspy::http::curl {
namespace {

constexpr std::size_t most_idle_handles = 64;

/// Before anything else of libcurl, once in the process.
void initialise() {
  static const auto problem = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (problem != CURLE_OK)
    throw Error(Errc::backend_error, std::format("libcurl could not be initialised: {}", curl_easy_strerror(problem)));
}

template <class T>
void set(CURLM* multi, CURLMoption option, T value) {
  if (const auto problem = curl_multi_setopt(multi, option, value); problem != CURLM_OK) {
    throw Error(Errc::backend_error, std::format("libcurl refused the option {} ({})", static_cast<int>(option),
                                                 curl_multi_strerror(problem)));
  }
}

}  // namespace

/// A transfer that libcurl works on.
struct Loop::Active {
  Active(std::shared_ptr<Transfer> which, asio::io_context& io) : transfer(std::move(which)), timer(io) {}

  std::shared_ptr<Transfer> transfer;
  asio::steady_timer timer;
  Time due = Time::max();
};

struct Loop::Socket {
  Socket(asio::io_context& io, curl_socket_t which) : descriptor(io, which), number(which) {}

  asio::posix::stream_descriptor descriptor;  ///< Released, not closed, when libcurl is done: the socket is libcurl's.
  curl_socket_t number;
  int wanted = 0;   ///< CURL_POLL_IN, CURL_POLL_OUT or both.
  int watched = 0;  ///< What is being waited for.
};

Loop::Loop(const CurlOptions& options) {
  initialise();
  multi_ = curl_multi_init();
  if (multi_ == nullptr) throw Error(Errc::backend_error, "libcurl could not be started: there is no memory left");
  set(multi_, CURLMOPT_SOCKETFUNCTION, &Loop::on_socket);
  set(multi_, CURLMOPT_SOCKETDATA, this);
  set(multi_, CURLMOPT_TIMERFUNCTION, &Loop::on_timer);
  set(multi_, CURLMOPT_TIMERDATA, this);
  set(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_MULTIPLEX));
  set(multi_, CURLMOPT_MAXCONNECTS, options.idle_connections);
  set(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, options.connections_per_host);
  set(multi_, CURLMOPT_MAX_CONCURRENT_STREAMS, 1000L);
  thread_ = std::thread([this] { run(); });
}

Loop::~Loop() {
  asio::post(io_, [this] { io_.stop(); });
  thread_.join();
}

void Loop::run() {
  // Signals are left to the program, and a closed pipe is reported as an error.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  io_.run();
  while (!active_.empty()) finish(active_.begin()->first, stopped_error());
  curl_multi_cleanup(multi_);
  sockets_.clear();
}

Handle Loop::take_handle() {
  {
    const std::lock_guard lock(idle_mutex_);
    if (!idle_.empty()) {
      auto handle = std::move(idle_.back());
      idle_.pop_back();
      return handle;
    }
  }
  Handle handle(curl_easy_init());
  if (!handle) throw std::bad_alloc();
  return handle;
}

void Loop::start(std::shared_ptr<Transfer> transfer) {
  asio::post(io_, [this, transfer = std::move(transfer)] { begin(transfer); });
}

void Loop::resume(std::shared_ptr<Transfer> transfer) {
  asio::post(io_, [this, transfer = std::move(transfer)] {
    if (!active_.contains(transfer->handle())) return;
    curl_easy_pause(transfer->handle(), CURLPAUSE_CONT);
    kick(CURL_SOCKET_TIMEOUT, 0);
  });
}

void Loop::wake(std::shared_ptr<Transfer> transfer) {
  asio::post(io_, [this, transfer = std::move(transfer)] {
    auto* const handle = transfer->handle();
    if (handle == nullptr || !active_.contains(handle)) return;
    transfer->line()->pump();
    const auto found = active_.find(handle);
    if (found != active_.end() && transfer->due(std::chrono::steady_clock::now()) < found->second->due)
      watch_time(found->second);
  });
}

void Loop::drop(std::shared_ptr<Transfer> transfer) {
  asio::post(io_, [this, transfer = std::move(transfer)] { remove(transfer->handle()); });
}

void Loop::leave(std::shared_ptr<Transfer> transfer) {
  asio::post(io_, [this, transfer = std::move(transfer)] {
    const auto found = active_.find(transfer->handle());
    if (found == active_.end()) return;
    if (transfer->linger()) {
      watch_time(found->second);
    } else {
      remove(transfer->handle());
    }
  });
}

void Loop::begin(const std::shared_ptr<Transfer>& transfer) {
  {
    const std::lock_guard lock(transfer->shared.mutex);
    if (transfer->shared.is_over) return;
  }
  transfer->report_to(news_);
  const auto active = std::make_shared<Active>(transfer, io_);
  active_.emplace(transfer->handle(), active);
  if (const auto problem = curl_multi_add_handle(multi_, transfer->handle()); problem != CURLM_OK) {
    finish(transfer->handle(),
           Error(Errc::backend_error, std::format("libcurl took no request: {}", curl_multi_strerror(problem))));
    return;
  }
  kick(CURL_SOCKET_TIMEOUT, 0);
  if (active_.contains(transfer->handle())) watch_time(active);
}

void Loop::remove(CURL* handle) {
  const auto found = active_.find(handle);
  if (found == active_.end()) return;
  const auto active = std::move(found->second);
  active_.erase(found);
  active->timer.cancel();
  if (active->transfer->line() != nullptr) active->transfer->line()->detach();
  curl_multi_remove_handle(multi_, handle);
  auto freed = active->transfer->take_handle();
  curl_easy_reset(freed.get());
  const std::lock_guard lock(idle_mutex_);
  if (idle_.size() < most_idle_handles) idle_.push_back(std::move(freed));
}

void Loop::finish(CURL* handle, std::optional<Error> error) {
  const auto found = active_.find(handle);
  if (found == active_.end()) return;
  const auto transfer = found->second->transfer;
  remove(handle);
  transfer->end(std::move(error));
}

void Loop::kick(curl_socket_t socket, int events) {
  int running = 0;
  if (const auto problem = curl_multi_socket_action(multi_, socket, events, &running); problem != CURLM_OK)
    fail_all(std::format("libcurl cannot go on: {}", curl_multi_strerror(problem)));
  settle();
}

void Loop::fail_all(const std::string& why) {
  while (!active_.empty()) finish(active_.begin()->first, Error(Errc::backend_error, why));
}

/// Tells readers what libcurl has brought.  At the end of its work, since a reader that is woken by a header would find
/// the body there too.
void Loop::settle() {
  int left = 0;
  while (const auto* const message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    auto* const handle = message->easy_handle;
    const auto code = message->data.result;
    const auto found = active_.find(handle);
    if (found == active_.end()) continue;
    const auto active = found->second;
    if (code != CURLE_OK || active->transfer->line() == nullptr) {
      finish(handle, active->transfer->outcome(code));
      continue;
    }
    active->transfer->upgrade(io_, [this, handle](std::optional<Error> why) { finish(handle, std::move(why)); });
    if (active_.contains(handle)) watch_time(active);
  }
  for (const auto& transfer : std::exchange(news_, {})) {
    const auto changes = transfer->take_changes();
    if (changes.wakes_reader) transfer->shared.bell->ring();
    if (!changes.times) continue;
    const auto found = active_.find(transfer->handle());
    if (found != active_.end() && transfer->due(std::chrono::steady_clock::now()) < found->second->due)
      watch_time(found->second);
  }
}

/// Looks at the transfer again when the first of its times is over.
void Loop::watch_time(const std::shared_ptr<Active>& active) {
  const auto now = std::chrono::steady_clock::now();
  if (auto* const line = active->transfer->line()) {
    line->tick(now);
    if (!active_.contains(active->transfer->handle())) return;
  }
  const auto due = active->transfer->due(now);
  if (due <= now) {
    if (active->transfer->is_lingering()) {
      remove(active->transfer->handle());
    } else {
      finish(active->transfer->handle(), active->transfer->late(now));
    }
    return;
  }
  active->due = due;
  active->timer.expires_at(due);
  active->timer.async_wait([this, active](const boost::system::error_code& problem) {
    if (!problem && active_.contains(active->transfer->handle())) watch_time(active);
  });
}

int Loop::on_timer(CURLM* /*multi*/, long milliseconds, void* self) {
  auto& loop = *static_cast<Loop*>(self);
  if (milliseconds < 0) {
    loop.timer_.cancel();
    return 0;
  }
  loop.timer_.expires_after(std::chrono::milliseconds(milliseconds));
  loop.timer_.async_wait([&loop](const boost::system::error_code& problem) {
    if (!problem) loop.kick(CURL_SOCKET_TIMEOUT, 0);
  });
  return 0;
}

int Loop::on_socket(CURL* /*handle*/, curl_socket_t number, int what, void* self, void* /*known*/) {
  auto& loop = *static_cast<Loop*>(self);
  const auto found = loop.sockets_.find(number);
  if (what == CURL_POLL_REMOVE) {
    if (found == loop.sockets_.end()) return 0;
    found->second->wanted = 0;
    found->second->descriptor.release();  // the number may be another socket's next
    loop.sockets_.erase(found);
    return 0;
  }
  try {
    const auto socket = found == loop.sockets_.end() ? std::make_shared<Socket>(loop.io_, number) : found->second;
    if (found == loop.sockets_.end()) loop.sockets_.emplace(number, socket);
    socket->wanted = what;
    loop.watch(socket);
    return 0;
  } catch (const std::exception&) {
    return -1;  // libcurl is C: it ends the transfers
  }
}

void Loop::watch(const std::shared_ptr<Socket>& socket) {
  watch(socket, CURL_POLL_IN);
  watch(socket, CURL_POLL_OUT);
}

void Loop::watch(const std::shared_ptr<Socket>& socket, int event) {
  if ((socket->wanted & event) == 0 || (socket->watched & event) != 0) return;
  socket->watched |= event;
  const auto side =
      event == CURL_POLL_IN ? asio::posix::stream_descriptor::wait_read : asio::posix::stream_descriptor::wait_write;
  socket->descriptor.async_wait(side, [this, socket, event](const boost::system::error_code& problem) {
    socket->watched &= ~event;
    if (problem == asio::error::operation_aborted || (socket->wanted & event) == 0) return;
    kick(socket->number, problem ? CURL_CSELECT_ERR : event == CURL_POLL_IN ? CURL_CSELECT_IN : CURL_CSELECT_OUT);
    watch(socket);
  });
}

}  // namespace dspy::http::curl
