#pragma once

#include <boost/asio/ip/address.hpp>

struct sockaddr;

namespace dspy::http {

bool is_public(const boost::asio::ip::address& address) noexcept;
/// Loopback, or a network that is not reached from the public internet: where a plain connection does not expose a key
/// to the outside.
bool is_near(const boost::asio::ip::address& address) noexcept;

/// An address without a port.  Nothing that cannot be read is public or near.
bool is_public(const sockaddr& address) noexcept;

}  // namespace dspy::http
