#pragma once

#include "dspy/http/url.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace dspy::http {

/// Whether a numeric address belongs to the public internet.  Not: loopback, private and link-local networks (where
/// clouds keep their metadata), carrier NAT, multicast, documentation, reserved, and IPv6 forms that carry such an IPv4
/// address or hide any other.
bool is_public_address(std::string_view address) noexcept;

/// What URLs from users may be.
struct UrlRules {
  bool allow_plain_http = false;
  std::vector<std::uint16_t> ports = {443};  ///< Empty: any.
};

/// For URLs from users of a program rather than its operator.  Returns `url` parsed; throws `Error`
/// (`invalid_parameter`) for a scheme or port that is not allowed, a password in it, a numeric address that is not
/// public, or a name that only resolves on this machine or network.  What a name resolves to is known only when the
/// request is made: send the request through a transport with `only_public_addresses`.
Url require_public(std::string_view url, const UrlRules& rules = {});

}  // namespace dspy::http
