#pragma once

#include "dspy/http/transport.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace dspy::http {

struct CurlOptions {
  // Behaviour.
  std::string ca_file = {};              ///< Certificates to trust, PEM; the system's if empty.
  std::string client_certificate = {};   ///< PEM file, for servers that ask who we are.
  std::string client_key = {};           ///< PEM file.
  bool proxies_from_environment = true;  ///< `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, in either case.
  bool only_public_addresses = false;    ///< For URLs that come from users: refuses to connect to any address that
                                         ///< `is_public` does not call one, whatever the name resolves to.
  std::size_t most_header_bytes = std::size_t{64} * 1024;

  // Performance.
  std::size_t buffer_bytes =
      std::size_t{64} * 1024;     ///< Of an unread body; beyond it, backpressure is applied to the sender.
  long connections_per_host = 0;  ///< At most so many at a time; 0: no limit.
  long idle_connections = 256;    ///< Kept open for later requests.
  bool http2 = true;              ///< Where the server offers it over TLS.
};

/// HTTP over libcurl, on an I/O thread of its own: HTTP/1.1 and HTTP/2, TLS that is always verified, one pool of
/// connections.  A key goes over plain HTTP only to this machine or a private network, and servers on this machine are
/// asked without a proxy.
///
/// A request that finds a kept connection closed before a byte of a reply is sent again on a new one, as libcurl does;
/// the server may have seen it twice.  A body destroyed before its end is drained for at most 100 ms, so that its
/// connection can be reused; a cancelled one is not.  Throws `Error` (`invalid_parameter`, `backend_error`).
std::shared_ptr<Transport> curl_transport(CurlOptions options = {});

/// The shared default: `curl_transport()` with default options, created on first use.
std::shared_ptr<Transport> default_transport();

}  // namespace dspy::http
