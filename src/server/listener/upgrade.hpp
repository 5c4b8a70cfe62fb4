#pragma once

#include "dspy/base/async.hpp"
#include "dspy/server/http.hpp"
#include "server/listener/connection.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <optional>

namespace dspy::server {

/// Whether a request asks for the WebSocket protocol.
bool wants_web_socket(const HttpRequest& request);

/// Speaks WebSocket until one side ends it.  A response says why the connection was not taken over.
Async<std::optional<HttpResponse>> talk(Service& service, Connection& connection, boost::asio::ip::tcp::socket& stream,
                                        HttpRequest request);
Async<std::optional<HttpResponse>> talk(Service& service, Connection& connection,
                                        boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>& stream,
                                        HttpRequest request);

}  // namespace dspy::server
