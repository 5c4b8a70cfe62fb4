#include "server/listener/response_head.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/text.hpp"
#include "dspy/http/headers.hpp"
#include "dspy/server/http.hpp"

#include <boost/beast/http/status.hpp>

#include <chrono>
#include <cstddef>
#include <format>
#include <iterator>
#include <string>
#include <string_view>

namespace dspy::server {
namespace {

bool is_framing(std::string_view name) {
  return text::equals_ignoring_case(name, "content-length") || text::equals_ignoring_case(name, "transfer-encoding") ||
         text::equals_ignoring_case(name, "connection") || text::equals_ignoring_case(name, "date");
}

bool is_sendable(const http::Header& header) {
  try {
    http::require_sendable(header.name, header.value);
    return true;
  } catch (const Error& error) {
    log(LogLevel::error, "server", std::format("a response field was left out: {}", error.what()));
    return false;
  }
}

/// The same text for all responses of a second.
std::string_view date_of(std::chrono::system_clock::time_point now) {
  thread_local std::chrono::sys_seconds second = {};
  thread_local std::string text;
  const auto current = std::chrono::floor<std::chrono::seconds>(now);
  if (text.empty() || current != second) {
    second = current;
    text = std::format("{:%a, %d %b %Y %H:%M:%S} GMT", current);
  }
  return text;
}

}  // namespace

std::string_view reason_phrase(int status) noexcept {
  if (status == 499) return "Client Closed Request";
  const auto found = boost::beast::http::int_to_status(static_cast<unsigned>(status));
  const auto text = boost::beast::http::obsolete_reason(found);
  return {text.data(), text.size()};
}

std::string response_head(const HttpResponse& response, const Framing& framing,
                          std::chrono::system_clock::time_point now) {
  std::string out;
  out.reserve(256);
  const auto to = std::back_inserter(out);
  std::format_to(to, "HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  for (const auto& header : response.headers) {
    if (!is_framing(header.name) && is_sendable(header)) std::format_to(to, "{}: {}\r\n", header.name, header.value);
  }
  std::format_to(to, "Date: {}\r\n", date_of(now));
  if (!response.headers.find("X-Content-Type-Options")) out += "X-Content-Type-Options: nosniff\r\n";
  if (framing.is_chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (framing.has_length) {
    std::format_to(to, "Content-Length: {}\r\n", response.body.size());
  }
  if (!framing.keeps_alive) out += "Connection: close\r\n";
  out += "\r\n";
  return out;
}

std::string chunk_head(std::size_t size) {
  return std::format("{:x}\r\n", size);
}

}  // namespace dspy::server
