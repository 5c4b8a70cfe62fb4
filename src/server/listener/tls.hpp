#pragma once

#include "dspy/server/listener.hpp"

#include <boost/asio/ssl/context.hpp>

#include <memory>

namespace dspy::server {

/// TLS 1.2 and 1.3 with these files.  Throws `Error` (`config_error`) for files that cannot be used.
std::shared_ptr<boost::asio::ssl::context> tls_context(const TlsFiles& files);

}  // namespace dspy::server
