#pragma once

#include <curl/curl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Streams by nothing but libcurl's multi interface on epoll, as a peer of the library.

namespace dspy::bench {

using Clock = std::chrono::steady_clock;

struct StreamTimes {
  std::vector<Clock::duration> first;  ///< From the start of each measured stream to its first token.
  std::vector<std::size_t> open;       ///< How many were open when it started.
};

struct StreamPlan {
  std::size_t skipped = 0;  ///< Begun first, and not measured.
  std::size_t measured = 0;
  std::chrono::microseconds between_starts{1'000};
};

/// Asks the same question many times; the first token is there when a piece contains `token`.
class CurlStreams {
 public:
  CurlStreams(std::string url, std::string body, std::string token)
      : url_(std::move(url)), body_(std::move(body)), token_(std::move(token)) {
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
  }
  ~CurlStreams() {
    streams_.clear();  // before the multi handle, as libcurl wants it
    multi_.reset();
    ::close(epoll_);
  }
  CurlStreams(const CurlStreams&) = delete;
  CurlStreams& operator=(const CurlStreams&) = delete;

  StreamTimes run(const StreamPlan& plan) {
    const auto total = plan.skipped + plan.measured;
    streams_.reserve(total);
    const auto begin = Clock::now();
    for (std::size_t started = 0; started < total || open_ > 0;) {
      for (; started < total && Clock::now() >= begin + plan.between_starts * static_cast<long>(started); ++started)
        start(started >= plan.skipped);
      step(started < total ? begin + plan.between_starts * static_cast<long>(started) : Clock::time_point::max());
    }
    return std::move(times_);
  }

 private:
  struct Stream {
    CurlStreams* all = nullptr;
    std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy{curl_easy_init(), curl_easy_cleanup};
    Clock::time_point begun = {};
    bool is_measured = false;
  };

  void start(bool is_measured) {
    auto& stream = *streams_.emplace_back(std::make_unique<Stream>());
    stream.all = this;
    stream.is_measured = is_measured;
    auto* const easy = stream.easy.get();
    curl_easy_setopt(easy, CURLOPT_URL, url_.c_str());
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body_.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(body_.size()));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &stream);
    if (is_measured) times_.open.push_back(open_);
    ++open_;
    stream.begun = Clock::now();
    curl_multi_add_handle(multi_.get(), easy);
  }

  /// Waits for sockets until libcurl's time or `due`, and serves them.
  void step(Clock::time_point due) {
    const auto until = std::min(due, wakes_at_);
    int most = 1'000;
    if (until != Clock::time_point::max()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
      most = static_cast<int>(std::clamp<long long>(left, 0, most));
    }
    std::array<epoll_event, 256> events{};
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), most);
    int running = 0;
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      const int what = ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                       ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                       ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);
      curl_multi_socket_action(multi_.get(), event.data.fd, what, &running);
    }
    if (Clock::now() >= wakes_at_) {
      wakes_at_ = Clock::time_point::max();
      curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running);
    }
    int left = 0;
    while (const auto* const message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      curl_multi_remove_handle(multi_.get(), message->easy_handle);
      --open_;
    }
  }

  static std::size_t on_bytes(char* bytes, std::size_t size, std::size_t count, void* to) {
    auto& stream = *static_cast<Stream*>(to);
    if (stream.is_measured && std::string_view(bytes, size * count).contains(stream.all->token_)) {
      stream.all->times_.first.push_back(Clock::now() - stream.begun);
      stream.is_measured = false;
    }
    return size * count;
  }

  static int on_socket(CURL* /*easy*/, curl_socket_t socket, int what, void* to, void* known) {
    auto& all = *static_cast<CurlStreams*>(to);
    if (what == CURL_POLL_REMOVE) {
      ::epoll_ctl(all.epoll_, EPOLL_CTL_DEL, socket, nullptr);
      return 0;
    }
    epoll_event event{};
    event.data.fd = socket;
    event.events = ((what & CURL_POLL_IN) != 0 ? static_cast<unsigned>(EPOLLIN) : 0U) |
                   ((what & CURL_POLL_OUT) != 0 ? static_cast<unsigned>(EPOLLOUT) : 0U);
    ::epoll_ctl(all.epoll_, known == nullptr ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket, &event);
    curl_multi_assign(all.multi_.get(), socket, to);  // anything but null: it is known from now on
    return 0;
  }

  static int on_timer(CURLM* /*multi*/, long milliseconds, void* to) {
    static_cast<CurlStreams*>(to)->wakes_at_ =
        milliseconds < 0 ? Clock::time_point::max() : Clock::now() + std::chrono::milliseconds(milliseconds);
    return 0;
  }

  std::string url_, body_, token_;
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers_{
      curl_slist_append(nullptr, "Content-Type: application/json"), curl_slist_free_all};
  int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi_{curl_multi_init(), curl_multi_cleanup};
  std::vector<std::unique_ptr<Stream>> streams_;
  Clock::time_point wakes_at_ = Clock::time_point::max();
  StreamTimes times_;
  std::size_t open_ = 0;
};

}  // namespace dspy::bench
