#include "dspy/server/local_guard.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/routes.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>

#include <string>
#include <string_view>

namespace dspy::server {
namespace {

/// `localhost`, or an address: names that others cannot point here.
bool is_own_host(std::string_view host) {
  if (host.starts_with('[')) return host.contains(']');
  host = host.substr(0, host.rfind(':'));
  if (text::equals_ignoring_case(host, "localhost") || text::to_lower(host).ends_with(".localhost")) return true;
  boost::system::error_code code;
  boost::asio::ip::make_address_v4(std::string(host), code);
  return !code;
}

Async<Caller> anybody() {
  co_return Caller{.scopes = {"*"}};
}

}  // namespace

bool is_foreign(const HttpRequest& request) {
  const auto origin = request.headers.find("Origin");
  const auto host = request.headers.find("Host");
  if (!origin) return false;
  const auto at = origin->find("://");
  return !host || at == std::string_view::npos || !text::equals_ignoring_case(origin->substr(at + 3), *host);
}

Authenticator local_guard() {
  return [](const HttpRequest& request) {
    if (is_foreign(request))
      throw HttpError(403, Errc::authentication_failed,
                      "pages of other sites may not use this server; it has no keys, and serves this machine alone");
    const auto host = request.headers.find("Host");
    if (host && !is_own_host(*host))
      throw HttpError(403, Errc::authentication_failed,
                      "this server has no keys, so it answers to `localhost` and addresses only; start it with --keys, "
                      "or with --insecure behind a proxy that authenticates");
    return anybody();
  };
}

}  // namespace dspy::server
