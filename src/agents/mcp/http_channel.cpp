#include "agents/mcp/channel.hpp"
#include "dspy/base/error.hpp"

#ifdef DSPY_WITH_HTTP

#include "agents/mcp/headers.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/http/server_sent_events.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/http/url.hpp"

#include <format>
#include <mutex>
#include <utility>

namespace dspy::rpc {
namespace {

struct Link {
  std::string url;
  std::shared_ptr<http::Transport> transport;
  std::vector<http::Credential> credentials;
  std::size_t message_bytes = 0;
  Channel::OnCall on_call;
  mutable std::mutex mutex;
  std::string session;  ///< The older protocol's; under the lock.
  bool is_gone = false;

  http::Request request(const Call& call, const std::string& version, bool is_modern) const {
    http::Request out{.url = url, .body = to_text(to_json(call)), .credentials = credentials};
    out.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json, text/event-stream"}};
    if (!version.empty()) out.headers.add("MCP-Protocol-Version", version);
    if (is_modern) {
      out.headers.add("Mcp-Method", call.method);
      if (const auto name = routed_name(call.method, call.params)) out.headers.add("Mcp-Name", header_value(*name));
    }
    const std::lock_guard lock(mutex);
    if (!session.empty()) out.headers.add("MCP-Session-Id", session);
    return out;
  }
};

Async<void> post(std::shared_ptr<Link> link, Call call, std::string version, bool is_modern) {
  const auto request = link->request(call, version, is_modern);
  co_await http::send(link->transport, request, link->message_bytes);
}
Async<void> post(std::shared_ptr<Link> link, Answer answer, std::string version) {
  auto request = link->request(Call{}, version, false);
  request.body = to_text(to_json(answer));
  co_await http::send(link->transport, std::move(request), link->message_bytes);
}

[[noreturn]] void refuse(int status, std::string_view body, const std::string& url) {
  const auto code = status == 401 || status == 403 ? Errc::authentication_failed
                    : status >= 500                ? Errc::unavailable
                                                   : Errc::refused;
  const auto origin = http::parse_url(url);
  throw Error(code,
              std::format("the MCP server at {} answered with HTTP status {}; see that the URL is that of its endpoint",
                          origin ? origin->origin() : "?", status),
              {.status = status, .raw = std::string(body.substr(0, 2'000))});
}

/// What came, if it is the answer; else it is handed on.
Async<std::optional<Answer>> take(std::shared_ptr<Link> link, Question* question, std::string text) {
  auto message = read(text);
  if (!message)
    throw Error(Errc::backend_error, "the MCP server sent something that is not a message: " + message.error().message);
  if (auto* const answer = std::get_if<Answer>(&*message)) {
    if (answer->id == question->call.id || (answer->id.is_null() && answer->fault() != nullptr))
      co_return std::move(*answer);
    co_return std::nullopt;
  }
  auto& call = std::get<Call>(*message);
  if (call.is_notification()) {
    if (question->on_note) question->on_note(call);
  } else {
    auto answer = co_await link->on_call(std::move(call));
    co_await post(link, std::move(answer), question->version);
  }
  co_return std::nullopt;
}

Async<Answer> read_stream(std::shared_ptr<Link> link, std::unique_ptr<http::Body> body, Question* question) {
  http::ServerSentEvents events({.line_bytes = link->message_bytes, .event_bytes = link->message_bytes});
  while (auto piece = co_await body->next()) {
    events.feed(*std::move(piece));
    while (const auto event = events.next()) {
      if (event->data.empty()) continue;
      if (auto answer = co_await take(link, question, std::string(event->data))) co_return *std::move(answer);
    }
  }
  throw Error(Errc::unavailable,
              "the MCP server ended its stream before it answered; it may have carried out the request");
}

Async<std::string> read_body(std::shared_ptr<Link> link, std::unique_ptr<http::Body> body) {
  std::string out;
  while (auto piece = co_await body->next()) {
    out += *piece;
    if (out.size() > link->message_bytes)
      throw Error(Errc::backend_error, std::format("the MCP server's answer has more than {} bytes "
                                                   "(McpOptions::message_bytes)",
                                                   link->message_bytes));
  }
  co_return out;
}

Async<Answer> exchange(std::shared_ptr<Link> link, Question* question) {
  auto request = link->request(question->call, question->version, question->is_modern);
  request.deadline = question->deadline;
  request.stop = question->stop;
  auto reply = co_await link->transport->open(std::move(request));
  if (const auto session = reply.headers.find("MCP-Session-Id"); session && question->call.method == "initialize") {
    const std::lock_guard lock(link->mutex);
    link->session = *session;
  }
  const auto type = reply.headers.find("Content-Type").value_or("");
  if (reply.status / 100 == 2 && type.starts_with("text/event-stream"))
    co_return co_await read_stream(link, std::move(reply.body), question);
  auto body = co_await read_body(link, std::move(reply.body));
  if (reply.status == 404) {
    const std::lock_guard lock(link->mutex);
    if (!link->session.empty()) link->is_gone = true;
  }
  if (auto message = read(body))
    if (auto* const answer = std::get_if<Answer>(&*message);
        answer != nullptr && (reply.status / 100 == 2 || answer->fault() != nullptr))
      co_return std::move(*answer);
  if (reply.status / 100 != 2) refuse(reply.status, body, link->url);
  throw Error(Errc::backend_error, "the MCP server's answer is not JSON-RPC; see that the URL is that of its endpoint");
}

Async<Answer> asked(std::shared_ptr<Link> link, Question question) {
  std::optional<Error> ended;
  try {
    co_return co_await exchange(link, &question);
  } catch (const Error& error) {
    if (error.code() != Errc::cancelled && error.code() != Errc::deadline_exceeded) throw;
    ended = error;
  }
  // In the newer protocol, that the stream was closed says it.
  if (!question.is_modern && !question.version.empty()) {
    Call note{.method = "notifications/cancelled",
              .params = {{"requestId", question.call.id}, {"reason", std::string(to_string(ended->code()))}}};
    try {
      co_await post(link, std::move(note), question.version, false);
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): the call has failed already
    }
  }
  throw Error(*ended);
}

class HttpChannel final : public Channel {
 public:
  explicit HttpChannel(std::shared_ptr<Link> link) : link_(std::move(link)) {}

  Async<Answer> ask(Question question) override { return asked(link_, std::move(question)); }
  Async<void> tell(Question note) override { return post(link_, std::move(note.call), note.version, note.is_modern); }
  bool is_open() const override {
    const std::lock_guard lock(link_->mutex);
    return !link_->is_gone;
  }

 private:
  std::shared_ptr<Link> link_;
};

}  // namespace

std::shared_ptr<Channel> http_channel(const std::string& url, const McpOptions& options, Channel::OnCall on_call) {
  auto link = std::make_shared<Link>();
  link->url = url;
  link->transport = options.transport ? options.transport : http::default_transport();
  link->message_bytes = options.message_bytes;
  link->on_call = std::move(on_call);
  for (const auto& header : options.headers)
    link->credentials.push_back({.header = header.name, .prefix = header.prefix, .value = header.value});
  return std::make_shared<HttpChannel>(std::move(link));
}

}  // namespace dspy::rpc

#else

namespace dspy::rpc {

std::shared_ptr<Channel> http_channel(const std::string&, const McpOptions&, Channel::OnCall) {
  throw Error(
      Errc::unsupported,
      "this build has no HTTP, so MCP servers can only be local programs; install libcurl4-openssl-dev and rebuild");
}

}  // namespace dspy::rpc

#endif
