#pragma once

#include "dspy/base/async.hpp"
#include "mock_provider/server.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace dspy::mock {

/// Ends the connection without a proper end.
void reset(boost::asio::ip::tcp::socket& socket);
Async<void> pause(std::chrono::milliseconds time);

/// Agrees to a WebSocket, and answers its messages until it is closed.  Those of a client that sends several at once
/// are answered one after the other.
Async<void> converse(boost::asio::ip::tcp::socket connection,
                     const boost::beast::http::request<boost::beast::http::string_body>& upgrade, const Request& head,
                     const Handler& handler, std::atomic<std::uint64_t>& bytes);

}  // namespace dspy::mock
