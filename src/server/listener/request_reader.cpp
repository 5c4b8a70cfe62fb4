#include "server/listener/request_reader.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/routes.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <format>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::server {
namespace {

namespace beast = boost::beast;

[[noreturn]] void refuse(const beast::error_code& code, const ListenerLimits& limits) {
  if (code == beast::http::error::body_limit)
    throw HttpError(413, Errc::bad_input, std::format("a body may have {} bytes", limits.body_bytes));
  throw HttpError(400, Errc::bad_input, std::format("the request cannot be read: {}", code.message()));
}

void read_target(std::string_view target, HttpRequest& out) {
  const auto mark = std::min(target.find('?'), target.size());
  auto path = percent_decoded(target.substr(0, mark), false);
  if (!path) throw HttpError(400, Errc::bad_input, "the path is not percent-encoded UTF-8");
  out.path = *std::move(path);
  auto query = target.substr(std::min(mark + 1, target.size()));
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto equals = std::min(pair.find('='), pair.size());
    auto name = percent_decoded(pair.substr(0, equals), true);
    auto value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value) throw HttpError(400, Errc::bad_input, "the query is not percent-encoded UTF-8");
    if (!name->empty()) out.query.insert_or_assign(*std::move(name), *std::move(value));
  }
}

}  // namespace

struct RequestReader::Parser {
  beast::http::request_parser<beast::http::string_body> beast;
};

RequestReader::RequestReader(const ListenerLimits& limits) : limits_(limits) {}
RequestReader::~RequestReader() = default;

std::size_t RequestReader::push(std::string_view bytes) {
  std::size_t used = 0;
  if (state_ == State::head) {
    // Empty lines between requests are skipped (RFC 9112, section 2.2).
    while (head_.empty() && bytes.substr(used).starts_with("\r\n")) used += 2;
    const auto before = head_.size();
    const auto fresh = bytes.substr(used, limits_.head_bytes + 1 - std::min(before, limits_.head_bytes));
    head_ += fresh;
    const auto end = head_.find("\r\n\r\n", before > 3 ? before - 3 : 0);
    if (end == std::string::npos) {
      if (head_.size() > limits_.head_bytes)
        throw HttpError(431, Errc::bad_input, std::format("a head may have {} bytes", limits_.head_bytes));
      if (head_.find('\n') == 0 || head_.contains("\n\n")) check_head(head_, limits_);  // will never end
      return used + fresh.size();
    }
    head_.resize(end + 4);
    used += head_.size() - before;
    read_head();
  }
  if (state_ != State::body) return used;
  beast::error_code code;
  auto& parser = parser_->beast;
  while (!parser.is_done() && used < bytes.size()) {
    // In slices, so that what a chunk's head may have does not depend on how the bytes arrive.
    const auto slice = bytes.substr(used, limits_.head_bytes);
    const auto took = parser.put(boost::asio::buffer(slice), code);
    used += took;
    if (code && code != beast::http::error::need_more) refuse(code, limits_);
    if (took > 0) continue;
    if (slice.size() == limits_.head_bytes) throw HttpError(400, Errc::bad_input, "a chunk's head is too long");
    break;
  }
  if (parser.is_done()) state_ = State::done;
  return used;
}

void RequestReader::read_head() {
  check_head(head_, limits_);
  parser_ = std::make_unique<Parser>();
  auto& parser = parser_->beast;
  parser.header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(limits_.head_bytes + 1, UINT32_MAX)));
  parser.body_limit(limits_.body_bytes);
  beast::error_code code;
  parser.put(boost::asio::buffer(head_), code);
  if (code && code != beast::http::error::need_more) {
    // Which API's form the refusal has depends on the path.
    const auto begin = std::min(head_.find(' '), head_.size() - 1) + 1;
    request_ = {};
    read_target(std::string_view(head_).substr(begin, head_.find(' ', begin) - begin), request_);
    refuse(code, limits_);
  }
  if (!parser.is_header_done()) throw HttpError(400, Errc::bad_input, "the head is not whole");
  const auto& message = parser.get();
  request_ = {.method = std::string(message.method_string())};
  const auto target = message.target();
  read_target({target.data(), target.size()}, request_);
  // Now, not at the end: what a chunked body's trailer says is not a header field.
  for (const auto& field : message) request_.headers.add(std::string(field.name_string()), std::string(field.value()));
  keeps_alive_ = parser.keep_alive();
  is_http_1_0_ = message.version() == 10;
  const auto expected = message[beast::http::field::expect];
  if (!expected.empty() && !text::equals_ignoring_case({expected.data(), expected.size()}, "100-continue"))
    throw HttpError(417, Errc::bad_input, "the only thing to expect is `100-continue`");
  expects_continue_ = !expected.empty() && !is_http_1_0_ && !parser.is_done();
  parser.eager(true);
  state_ = parser.is_done() ? State::done : State::body;
}

HttpRequest RequestReader::take() {
  request_.body = std::move(parser_->beast.get().body());
  parser_.reset();
  head_.clear();
  state_ = State::head;
  expects_continue_ = false;
  return std::exchange(request_, {});
}

}  // namespace dspy::server
