#include "dspy/http/url_guard.hpp"

#include "dspy/base/error.hpp"
#include "http/address.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <string>

namespace dspy::http {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw Error(Errc::invalid_parameter, std::format("the URL is not allowed: {}", why));
}

/// Names that are resolved by this machine or its network, not by the public DNS (RFC 6761, 6762, 8375, 9476 and what
/// ICANN has set aside), and those without a dot.
bool is_local_name(std::string_view host) {
  while (host.ends_with('.')) host.remove_suffix(1);
  constexpr std::array<std::string_view, 10> ends = {".localhost", ".local", ".internal",  ".intranet", ".lan",
                                                     ".home",      ".corp",  ".home.arpa", ".alt",      ".onion"};
  return !host.contains('.') || std::ranges::any_of(ends, [&](std::string_view end) { return host.ends_with(end); });
}

}  // namespace

Url require_public(std::string_view text, const UrlRules& rules) {
  const auto read = parse_url(text);
  if (!read) refuse(read.error());
  const auto& url = *read;
  if (url.scheme != "https" && !rules.allow_plain_http) refuse("its scheme is 'http', and only 'https' is allowed");
  if (url.has_userinfo) refuse("it has a name or a password in it; give keys as such");
  if (!rules.ports.empty() && !std::ranges::contains(rules.ports, url.port))
    refuse(std::format("its port is {}, which is not among those allowed", url.port));
  boost::system::error_code problem;
  const auto address = boost::asio::ip::make_address(url.host, problem);
  if (problem) {
    if (is_local_name(url.host)) refuse(std::format("'{}' is a name of this machine or its network", url.host));
  } else if (!is_public(address)) {
    refuse(std::format("{} is not an address of the public internet", url.host));
  }
  return url;
}

}  // namespace dspy::http
