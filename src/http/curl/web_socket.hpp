#pragma once

#include "dspy/http/curl_transport.hpp"
#include "dspy/http/transport.hpp"
#include "http/curl/loop.hpp"

#include <memory>

namespace dspy::http::curl {

/// `Transport::connect`.
Async<Upgraded> connect(std::shared_ptr<Loop> loop, CurlOptions options, Request request, SocketLimits limits);

}  // namespace dspy::http::curl
