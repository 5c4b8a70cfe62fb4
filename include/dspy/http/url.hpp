#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace dspy::http {

/// An `http` or `https` URL taken apart, by the same reader that the transport uses.
struct Url {
  std::string scheme = {};  ///< Lower case.
  std::string host = {};    ///< Lower case; an IPv6 address without brackets, an IPv4 address in its usual form.
  std::uint16_t port = 0;   ///< The scheme's own where the URL names none.
  std::string path = {};    ///< As written; begins with `/`.
  std::string query = {};   ///< As written, without `?`.
  bool has_userinfo = false;

  /// `https://host`, with the port where it is not the scheme's own: what may stand in messages.
  std::string origin() const;
};

/// Reads `text`, or says why it is not a URL that can be asked; the reason names neither query nor password.
std::expected<Url, std::string> parse_url(std::string_view text);

/// Whether `host` means this machine: `localhost`, a name under it, 127.0.0.0/8 or ::1.
bool is_loopback(std::string_view host) noexcept;

}  // namespace dspy::http
