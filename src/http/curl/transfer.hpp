#pragma once

#include "base/bell.hpp"
#include "dspy/base/error.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/http/url.hpp"
#include "http/curl/socket_line.hpp"

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::http::curl {

struct FreeHandle {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, FreeHandle>;

/// Its text is overwritten before it is freed: it has keys in it.
struct FreeList {
  void operator()(curl_slist* list) const noexcept;
};
using List = std::unique_ptr<curl_slist, FreeList>;

enum class Phase { connecting, waiting, body };

/// What the I/O thread has for the reader, and what the reader wants.  Under `mutex`.
struct Shared {
  std::mutex mutex;
  std::optional<Streamed> head;  ///< Without a body.
  std::string bytes;
  bool is_paused = false;      ///< The sender is held back.
  std::optional<Time> asked;   ///< Since when the reader waits for bytes.
  bool is_upgraded = false;    ///< What was asked for is a WebSocket, and it is there.
  bool is_over = false;        ///< Nothing more comes.
  std::optional<Error> error;  ///< Why it is over, if not by a proper end.
  const std::shared_ptr<Bell> bell = std::make_shared<Bell>();

  /// The first end counts.
  void end(std::optional<Error> why);
};

/// One request on its way.  Made where the caller is; from then on only the I/O thread uses what is not in `shared`.
class Transfer : public std::enable_shared_from_this<Transfer> {
 public:
  using News = std::vector<std::shared_ptr<Transfer>>;

  /// Throws `Error` (`invalid_parameter`) for what cannot be sent.
  Transfer(Request request, const CurlOptions& options, Handle handle, std::optional<SocketLimits> socket = {});
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  CURL* handle() const noexcept { return handle_.get(); }
  /// For another transfer; libcurl must be done with it.
  Handle take_handle() noexcept { return std::move(handle_); }
  /// Before it begins: where it puts itself when something about it has changed.
  void report_to(News& news) noexcept { news_ = &news; }

  /// Of a request for a WebSocket; null for any other.
  SocketLine* line() const noexcept { return line_.get(); }
  /// The server has agreed to a WebSocket, and libcurl has left it to us.
  void upgrade(boost::asio::io_context& io, SocketLine::OnEnd on_end);
  /// For the waiting caller.
  void end(std::optional<Error> why);

  /// When it must be looked at again; `now` or earlier: it must end with `late`.
  Time due(Time now);
  /// What is too late, by `now`.
  Error late(Time now);
  /// What libcurl's end of it means.
  std::optional<Error> outcome(CURLcode code) const;
  /// Reads on for a little while after the reader has gone, since a connection whose reply was read to its end can be
  /// used again.  False where that cannot be hoped for.
  bool linger();
  bool is_lingering() const noexcept { return lingers_until_.has_value(); }

  Shared shared;

  /// What changed since the last look.
  struct Changes {
    bool wakes_reader = false;
    bool times = false;  ///< What `due` says.
  };
  Changes take_changes() noexcept { return std::exchange(changes_, {}); }

 private:
  void set_up();
  void set_up_method();
  void set_up_headers();
  void add_header(std::string_view name, std::string_view value);
  void add_line(const char* line);

  static std::size_t on_header(char* text, std::size_t size, std::size_t count, void* self);
  static std::size_t on_bytes(char* bytes, std::size_t size, std::size_t count, void* self);
  static int on_connected(void* self, char* remote, char* local, int remote_port, int local_port);
  static curl_socket_t on_open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  bool take_header_line(std::string_view line);
  std::size_t take_bytes(std::string_view bytes);

  struct Limit {
    Time time;
    Errc code;
    std::string_view what;
  };
  Limit limit(Time now);
  void report(Changes changes);

  Request request_;
  CurlOptions options_;
  Url url_;
  std::string origin_;
  std::unique_ptr<SocketLine> line_;
  bool is_upgraded_ = false;
  List headers_;
  char problem_[CURL_ERROR_SIZE] = {};
  std::optional<Error> refusal_;  ///< Why a callback ended it.

  News* news_ = nullptr;
  Changes changes_;
  Phase phase_ = Phase::connecting;
  Time begun_ = std::chrono::steady_clock::now();
  Time connected_ = {};
  Time last_bytes_ = {};
  std::optional<Time> lingers_until_;
  std::size_t lingered_bytes_ = 0;

  std::size_t header_bytes_ = 0;
  Streamed head_;
  Handle handle_;
};

}  // namespace dspy::http::curl
