#include "dspy/agents/sandbox/remote_interpreter.hpp"

#include "dspy/base/error.hpp"

#ifdef DSPY_WITH_HTTP

#include "agents/sandbox/protocol.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/http/url.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <format>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace dspy {

struct RemoteInterpreter::Session {
  std::vector<HostFunction> functions;
  RemoteInterpreterOptions options;
  std::atomic<bool> is_busy = false;
  std::string id;  ///< Empty before the session has started.
  std::uint64_t execution = 0;
  mutable std::mutex mutex;
  std::string protection;  ///< Under the lock.
};

namespace {

using Session = RemoteInterpreter::Session;

class Turn {
 public:
  explicit Turn(std::shared_ptr<Session> session) : session_(std::move(session)) {
    if (session_->is_busy.exchange(true))
      throw Error(Errc::invalid_parameter, "the interpreter is busy with another execution; create a second one");
  }
  ~Turn() { session_->is_busy.store(false); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::shared_ptr<Session> session_;
};

http::Request request_to(const Session& session, std::string method, std::string_view path, const JsonObject& body) {
  http::Request out{.method = std::move(method), .url = session.options.url + std::string(path), .body = to_text(body)};
  out.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
  if (!session.options.token.is_empty())
    out.credentials.push_back({.header = "Authorization", .prefix = "Bearer ", .value = session.options.token});
  return out;
}

/// The body; nothing for a session that the service does not know (any more).
Async<std::optional<std::string>> exchanged(std::shared_ptr<Session> session, http::Request request) {
  const auto reply =
      co_await http::send(session->options.transport, std::move(request), session->options.message_bytes);
  if (reply.status == 404) co_return std::nullopt;
  if (reply.status / 100 == 2) co_return reply.body;
  const auto code = reply.status == 401 || reply.status == 403 ? Errc::authentication_failed
                    : reply.status >= 500                      ? Errc::unavailable
                                                               : Errc::refused;
  throw Error(code, std::format("the service of interpreters answered with HTTP status {}", reply.status),
              {.status = reply.status, .raw = reply.body.substr(0, 2'000)});
}

bool is_session_id(std::string_view id) {
  return !id.empty() && id.size() <= 128 && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

Async<void> begin(std::shared_ptr<Session> session) {
  const auto body = co_await exchanged(session, request_to(*session, "POST", "/sessions", {{"protocol", 1}}));
  const auto parsed = parse_json(body.value_or(""));
  const auto* const id = parsed && parsed->is_object() ? parsed->get_object().if_contains("session") : nullptr;
  if (id == nullptr || !id->is_string() || !is_session_id(view(id->get_string())))
    throw Error(Errc::backend_error, "the service of interpreters began no session; see that its URL is right");
  session->id = view(id->get_string());
  const auto* const layers = parsed->get_object().if_contains("layers");
  const std::lock_guard lock(session->mutex);
  session->protection = std::format("remote, as it says: {}", layers != nullptr ? to_text(*layers) : "nothing");
}

Async<Execution> run(std::shared_ptr<Session> session, ExecuteRequest asked) {
  const Turn turn(session);
  if (asked.time_limit.count() <= 0)
    throw Error(Errc::invalid_parameter,
                "a time limit of 0 for code would stop it before it begins; give it some time");
  const bool is_known = !session->id.empty();
  bool is_lost = false;
  if (!is_known) co_await begin(session);
  const auto number = ++session->execution;
  auto message = interpreter::execute_message(asked, number, session->functions);
  std::size_t calls = 0;
  while (true) {
    auto request = request_to(*session, "POST", std::format("/sessions/{}/messages", session->id), message);
    const auto limit = std::chrono::steady_clock::now() + asked.time_limit + session->options.grace;
    request.deadline = asked.deadline ? std::min(*asked.deadline, limit) : limit;
    request.stop = asked.stop;
    const auto body = co_await exchanged(session, std::move(request));
    if (!body) {
      session->id.clear();
      if (calls > 0 || is_lost || !is_known)
        co_return Execution{
            .end = Execution::End::crashed, .problem = "the session is gone", .state_lost = true, .calls = calls};
      is_lost = true;  // it was not used for a while: nothing was run
      co_await begin(session);
      continue;
    }
    auto answer = interpreter::read_message(*body, number);
    if (auto* const done = std::get_if<Execution>(&answer)) {
      done->calls = calls;
      done->state_lost = is_lost;
      co_return std::move(*done);
    }
    auto* const call = std::get_if<interpreter::Call>(&answer);
    if (call == nullptr) throw Error(Errc::backend_error, "the interpreter service answered out of order");
    ++calls;
    message = co_await interpreter::answered(session->functions, std::move(*call));
  }
}

}  // namespace

RemoteInterpreter::RemoteInterpreter(std::vector<HostFunction> functions, RemoteInterpreterOptions options)
    : session_(std::make_shared<Session>()) {
  interpreter::require_usable(functions);
  if (const auto url = http::parse_url(options.url); !url)
    throw Error(Errc::invalid_parameter, "the URL of the service of interpreters cannot be used: " + url.error());
  while (options.url.ends_with('/')) options.url.pop_back();
  if (!options.transport) options.transport = http::default_transport();
  session_->functions = std::move(functions);
  session_->options = std::move(options);
}

Async<Execution> RemoteInterpreter::execute(ExecuteRequest request) {
  return run(session_, std::move(request));
}

std::string RemoteInterpreter::protection() const {
  const std::lock_guard lock(session_->mutex);
  return session_->protection;
}

Async<void> RemoteInterpreter::close() {
  return [](std::shared_ptr<Session> session) -> Async<void> {
    if (session->id.empty()) co_return;
    auto request = request_to(*session, "DELETE", std::format("/sessions/{}", std::exchange(session->id, {})), {});
    co_await exchanged(session, std::move(request));
  }(session_);
}

RemoteInterpreter::~RemoteInterpreter() = default;

}  // namespace dspy

#else

namespace dspy {

struct RemoteInterpreter::Session {};

RemoteInterpreter::RemoteInterpreter(std::vector<HostFunction>, RemoteInterpreterOptions) {
  throw Error(Errc::unsupported, "this build has no HTTP; install libcurl4-openssl-dev and rebuild");
}

RemoteInterpreter::~RemoteInterpreter() = default;

Async<Execution> RemoteInterpreter::execute(ExecuteRequest) {
  co_return Execution{};
}

std::string RemoteInterpreter::protection() const {
  return {};
}

Async<void> RemoteInterpreter::close() {
  co_return;
}

}  // namespace dspy

#endif
