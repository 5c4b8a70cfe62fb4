#include "mock_provider/mock_provider.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "mock_provider/answer.hpp"
#include "mock_provider/batches.hpp"
#include "mock_provider/dialect.hpp"
#include "mock_provider/responses_socket.hpp"
#include "mock_provider/server.hpp"

#include <atomic>
#include <deque>
#include <format>
#include <mutex>
#include <utility>

namespace dspy::mock {
namespace {

constexpr std::size_t most_kept = 1000;

const Dialect* dialect_of(std::string_view path) {
  if (path.ends_with("/chat/completions")) return &openai_chat();
  if (path.ends_with("/responses")) return &openai_responses();
  if (path.ends_with("/messages")) return &anthropic();
  if (path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent")) return &gemini();
  if (path.ends_with("/api/chat")) return &ollama();
  return nullptr;
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

/// Does to the parts of a reply what was wished.
void spoil(Written& written, const Wishes& wishes, const Dialect& dialect) {
  auto& parts = written.parts;
  const bool is_events = written.content_type == "text/event-stream";
  const bool is_stream = written.end_parts > 0;
  if (is_stream && wishes.missing_end) parts.resize(parts.size() - written.end_parts);
  if (is_stream && wishes.error_after && *wishes.error_after < parts.size()) {
    parts.resize(*wishes.error_after);
    parts.push_back(dialect.stream_error());
  }
  for (auto& part : parts) {
    replace_all(part, bad_byte_mark, "\xff");
    if (wishes.comments) part.insert(0, is_events ? ": keep-alive\n\n" : "\n");
    if (is_events && wishes.line_ends != "lf") replace_all(part, "\n", wishes.line_ends == "cr" ? "\r" : "\r\n");
  }
  if (wishes.byte_order_mark && !parts.empty()) parts.front().insert(0, "\xEF\xBB\xBF");
}

Reply error_reply(const Dialect& dialect, const Wishes& wishes, int status, std::string_view message) {
  Reply reply{.status = status, .headers = {{"Content-Type", "application/json"}}, .delivery = wishes.delivery};
  if (wishes.retry_after) reply.headers.emplace_back("Retry-After", *wishes.retry_after);
  reply.parts = {dialect.error(status, wishes.error_code.value_or(""), message)};
  return reply;
}

bool has_key(const Request& request, const std::string& key) {
  if (key.empty()) return true;
  const auto is = [&](const char* name, const std::string& value) {
    const auto found = request.headers.find(name);
    return found != request.headers.end() && found->second == value;
  };
  return is("authorization", "Bearer " + key) || is("x-api-key", key) || is("x-goog-api-key", key) ||
         is("api-key", key);
}

}  // namespace

struct MockProvider::State {
  explicit State(MockOptions settings)
      : options(std::move(settings)), server(options.port, [this](const Request& request) { return serve(request); }) {}

  Reply serve(Request request) {
    if (wants_socket(request)) return answer_to_upgrade(request);
    if (!is_socket_message(request)) return serve_one(std::move(request));
    const auto inside = request_in(request);
    auto reply = inside ? serve_one(*inside)
                        : error_reply(openai_responses(), {}, 400, "Send a message of the type response.create");
    use_messages(reply);
    return reply;
  }

  Reply answer_to_upgrade(const Request& request) const {
    if (!has_key(request, options.required_key))
      return error_reply(openai_responses(), {}, 401, "Incorrect API key provided");
    if (dialect_of(request.path) != &openai_responses())
      return error_reply(
          openai_chat(), {}, 404,
          std::format("The mock provider has no WebSocket at {}; there is one at /v1/responses", request.path));
    return {.status = 101};
  }

  Reply serve_one(Request request) {
    const auto number = ++count;
    const auto asked = request;
    auto list = wishes_of(request);
    {
      const std::lock_guard lock(mutex);
      kept.push_back(request);
      if (kept.size() > most_kept) kept.pop_front();
      if (!coming.empty()) {
        list.merge(coming.front());
        coming.pop_front();
      }
    }
    if (options.fault_rate > 0) list.merge(drawn_fault(options.seed, number, options.fault_rate));
    auto reply = batch_reply(request, list).value_or(Reply{.status = 0});
    if (reply.status == 0) reply = answer_to(request, list, number);
    if (options.log) options.log(asked, reply);
    return reply;
  }

  /// What a batch API says, unless an error was wished.
  std::optional<Reply> batch_reply(const Request& request, const WishList& list) {
    if (list.contains("status") || options.wishes.contains("status") || !has_key(request, options.required_key))
      return std::nullopt;
    return batches.serve(request, [&](const Request& alone) { return answer_to(alone, {}, ++count); });
  }

  Reply answer_to(const Request& request, const WishList& list, std::uint64_t number) const {
    const auto* const dialect = dialect_of(request.path);
    const auto& words = dialect != nullptr ? *dialect : openai_chat();
    Wishes wishes;
    try {
      apply(wishes, options.wishes);
      apply(wishes, list);
    } catch (const Error& error) {
      return error_reply(words, {}, 400, error.what());
    }
    if (wishes.status && *wishes.status >= 400)
      return error_reply(words, wishes, *wishes.status,
                         std::format("The mock provider was asked for status {}", *wishes.status));
    if (!has_key(request, options.required_key)) return error_reply(words, wishes, 401, "Incorrect API key provided");

    const auto body = request.body.empty() ? Json(JsonObject()) : parse_json(request.body).value_or(Json());
    if (!body.is_object()) return error_reply(words, wishes, 400, "The body of the request is not a JSON object");
    std::optional<Written> written;
    if (dialect != nullptr && request.method == "POST") {
      auto question = dialect->read(request, body.get_object());
      question.number = number;
      if (question.n < 1 || question.n > 128) return error_reply(words, wishes, 400, "Ask for 1 to 128 replies");
      written = dialect->write(question, answer(question, wishes), wishes);
    } else {
      written = other_reply(request, body.get_object(), wishes);
    }
    if (!written) {
      return error_reply(words, wishes, 404,
                         std::format("The mock provider has nothing at {} {}", request.method, request.path));
    }
    const bool is_stream = written->end_parts > 0;
    spoil(*written, wishes, words);
    Reply reply{.status = wishes.status.value_or(200),
                .headers = std::move(written->headers),
                .parts = std::move(written->parts),
                .is_stream = is_stream,
                .delivery = wishes.delivery};
    reply.headers.emplace_back("Content-Type",
                               wishes.content_type.empty() ? written->content_type : wishes.content_type);
    return reply;
  }

  MockOptions options;
  std::atomic<std::uint64_t> count = 0;
  mutable std::mutex mutex;
  std::deque<WishList> coming;
  std::deque<Request> kept;
  Batches batches;
  Server server;  ///< Last: its thread uses the others.
};

MockProvider::MockProvider(MockOptions options) {
  Wishes checked;
  apply(checked, options.wishes);
  state_ = std::make_unique<State>(std::move(options));
}

MockProvider::~MockProvider() = default;

std::uint16_t MockProvider::port() const noexcept {
  return state_->server.port();
}

std::string MockProvider::url(std::string_view path) const {
  return std::format("http://127.0.0.1:{}{}", port(), path);
}

void MockProvider::next(WishList wishes) {
  Wishes checked;
  apply(checked, wishes);
  const std::lock_guard lock(state_->mutex);
  state_->coming.push_back(std::move(wishes));
}

void MockProvider::load_script(const std::string& file) {
  const auto script = parse_json(read_text(file, std::uintmax_t{64} << 20));
  const auto refuse = [&](std::string_view why) {
    throw Error(
        Errc::parse_error,
        std::format("{}: {}; a script is an array of texts, or of objects such as {{\"reply\": \"…\"}}", file, why));
  };
  if (!script) refuse(script.error().message);
  if (!script->is_array()) refuse("it is not an array");
  for (const auto& each : script->get_array()) {
    WishList list;
    if (each.is_string()) {
      list["reply"] = view(each.get_string());
    } else if (each.is_object()) {
      for (const auto& [name, value] : each.get_object())
        list[std::string(name)] = value.is_string() ? std::string(view(value.get_string())) : to_text(value);
    } else {
      refuse("it holds something else");
    }
    next(std::move(list));
  }
}

std::vector<Request> MockProvider::requests() const {
  const std::lock_guard lock(state_->mutex);
  return {state_->kept.begin(), state_->kept.end()};
}

std::uint64_t MockProvider::request_count() const noexcept {
  return state_->count;
}

std::size_t MockProvider::connections() const noexcept {
  return state_->server.connections();
}

}  // namespace dspy::mock
