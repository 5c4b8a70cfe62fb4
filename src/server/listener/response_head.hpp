#pragma once

#include "dspy/server/http.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace dspy::server {

/// How a response goes over a connection.
struct Framing {
  bool keeps_alive = true;
  bool is_chunked = false;  ///< A body that grows, over HTTP/1.1.
  bool has_length = true;   ///< `Content-Length`; not for what grows, nor 1xx and 204.
};

/// The status line and the header fields, with the empty line.  Fields that frame the body are the connection's,
/// whatever the handler says; a field that could smuggle in another is left out and logged.
std::string response_head(const HttpResponse& response, const Framing& framing,
                          std::chrono::system_clock::time_point now);

std::string_view reason_phrase(int status) noexcept;

/// `2a\r\n`: the header of a chunk of that many bytes.
std::string chunk_head(std::size_t size);

}  // namespace dspy::server
