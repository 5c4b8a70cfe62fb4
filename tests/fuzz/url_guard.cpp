// A URL from a user: what is let through is whole, reads the same again from its parts, and names no address that is
// not public.

#include "dspy/http/url_guard.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dspy::http;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(is_public_address(text));
  static_cast<void>(is_loopback(text));
  const auto read = parse_url(text);
  if (!read) return 0;
  if (read->host.empty() || read->port == 0) std::abort();
  try {
    const auto url = require_public(text, {.allow_plain_http = true, .ports = {}});
    if (url.has_userinfo || is_loopback(url.host)) std::abort();
    const bool is_number = std::ranges::all_of(url.host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
    if ((is_number || url.host.contains(':')) && !is_public_address(url.host)) std::abort();
    const auto again = parse_url(url.origin() + "/");
    if (!again || again->host != url.host || again->port != url.port || again->scheme != url.scheme) std::abort();
  } catch (const dspy::Error&) {
    return 0;  // not let through
  }
  return 0;
}
