#include "server/listener/tls.hpp"

#include "dspy/base/error.hpp"
#include "dspy/server/listener.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <openssl/ssl.h>

#include <format>
#include <memory>
#include <tuple>

namespace dspy::server {

namespace asio = boost::asio;

std::shared_ptr<asio::ssl::context> tls_context(const TlsFiles& files) {
  auto out = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  out->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                   asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
  SSL_CTX_set_min_proto_version(out->native_handle(), TLS1_2_VERSION);
  boost::system::error_code code;
  std::ignore = out->use_certificate_chain_file(files.certificate.string(), code);
  if (code)
    throw Error(Errc::config_error, std::format("the certificate `{}` cannot be used ({}); give a PEM file with the "
                                                "chain",
                                                files.certificate.string(), code.message()));
  std::ignore = out->use_private_key_file(files.key.string(), asio::ssl::context::pem, code);
  if (code)
    throw Error(Errc::config_error, std::format("the key `{}` cannot be used ({}); give the certificate's key as PEM",
                                                files.key.string(), code.message()));
  return out;
}

}  // namespace dspy::server
