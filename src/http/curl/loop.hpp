#pragma once

#include "dspy/http/curl_transport.hpp"
#include "http/curl/transfer.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <curl/curl.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace dspy::http::curl {

/// libcurl's multi interface on its own thread.  Only that thread touches libcurl's handles once a transfer has
/// started; others post requests to it.
class Loop {
 public:
  explicit Loop(const CurlOptions& options);
  /// Ends what is under way.  Not on the I/O thread.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  Handle take_handle();

  // From any thread.
  void start(std::shared_ptr<Transfer> transfer);
  /// Goes on with a transfer whose reader has made room.
  void resume(std::shared_ptr<Transfer> transfer);
  /// Carries out a WebSocket user's requests, and updates its timers.
  void wake(std::shared_ptr<Transfer> transfer);
  /// Removes a transfer that has ended for its reader.
  void drop(std::shared_ptr<Transfer> transfer);
  /// Removes a transfer whose reader is gone, a little later if its connection may be saved.
  void leave(std::shared_ptr<Transfer> transfer);

 private:
  struct Active;
  struct Socket;

  void run();
  void begin(const std::shared_ptr<Transfer>& transfer);
  void remove(CURL* handle);
  void kick(curl_socket_t socket, int events);
  void fail_all(const std::string& why);
  void settle();
  void finish(CURL* handle, std::optional<Error> error);
  void watch_time(const std::shared_ptr<Active>& active);
  void watch(const std::shared_ptr<Socket>& socket);
  void watch(const std::shared_ptr<Socket>& socket, int event);

  static int on_socket(CURL* handle, curl_socket_t socket, int what, void* self, void* known);
  static int on_timer(CURLM* multi, long milliseconds, void* self);

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> open_{io_.get_executor()};
  boost::asio::steady_timer timer_{io_};
  CURLM* multi_;
  std::unordered_map<CURL*, std::shared_ptr<Active>> active_;
  std::unordered_map<curl_socket_t, std::shared_ptr<Socket>> sockets_;
  Transfer::News news_;

  std::mutex idle_mutex_;
  std::vector<Handle> idle_;
  std::thread thread_;  ///< Last: it uses all others.
};

}  // namespace dspy::http::curl
