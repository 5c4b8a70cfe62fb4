#include "http/curl/errors.hpp"

#include <format>

namespace dspy::http::curl {
namespace {

std::string_view name(Phase phase) noexcept {
  switch (phase) {
    case Phase::connecting: return "while connecting";
    case Phase::waiting: return "while waiting for the reply";
    case Phase::body: return "in the middle of the reply";
  }
  return "";
}

/// What to look at, for what goes wrong before there is a connection.
std::string_view remedy(CURLcode code) noexcept {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST: return "the name could not be resolved; check it, and whether there is a network";
    case CURLE_COULDNT_RESOLVE_PROXY:
      return "the name of the proxy could not be resolved; check HTTPS_PROXY and its like";
    case CURLE_COULDNT_CONNECT: return "the connection failed; check that the server is running and listening there";
    case CURLE_PROXY: return "the proxy could not connect; check HTTPS_PROXY and similar variables";
    case CURLE_PEER_FAILED_VERIFICATION:
      return "its certificate could not be verified; check the address and the clock, or name the authority with "
             "`ca_file`";
    case CURLE_SSL_CACERT_BADFILE: return "the file of trusted certificates could not be read; check `ca_file`";
    case CURLE_SSL_CERTPROBLEM: return "the client certificate could not be used; check its files";
    case CURLE_SSL_CONNECT_ERROR: return "TLS could not be agreed on; check that the server speaks HTTPS there";
    default: return "the connection failed; check the address, and that the server is running";
  }
}

}  // namespace

Error timeout_error(std::string_view origin, Phase phase, std::string_view what, std::chrono::milliseconds waited) {
  return {Errc::timeout, std::format("{}: {} within {} ms ({}); check the server, or allow more time", origin, what,
                                     waited.count(), name(phase))};
}

Error deadline_error(std::string_view origin, Phase phase) {
  return {Errc::deadline_exceeded,
          std::format("{}: the deadline passed {}; give the call more time", origin, name(phase))};
}

Error private_address_error(std::string_view origin) {
  return {Errc::invalid_parameter,
          std::format(
              "{}: its address is not one of the public internet, and only those are allowed here; name another one",
              origin)};
}

Error clear_key_error(std::string_view origin) {
  return {Errc::invalid_parameter, std::format("{}: a key would go over the internet unencrypted; use https", origin)};
}

Error stopped_error() {
  return {Errc::cancelled, "the caller asked to stop"};
}

Error transfer_error(CURLcode code, const Failure& failure) {
  if (code == CURLE_OPERATION_TIMEDOUT)
    return timeout_error(failure.origin, failure.phase, "nothing came", failure.waited);
  const auto words = failure.detail.empty() ? std::string(curl_easy_strerror(code)) : failure.detail;
  switch (failure.phase) {
    case Phase::connecting: return {Errc::unavailable, std::format("{}: {} ({})", failure.origin, remedy(code), words)};
    case Phase::waiting:
      return {Errc::unavailable,
              std::format("{}: the connection ended before the reply began ({}); try again", failure.origin, words)};
    case Phase::body:
      return {Errc::stream_broken, std::format("{}: the connection ended in the middle of the reply ({}); try again",
                                               failure.origin, words)};
  }
  return {Errc::unavailable, failure.origin};
}

}  // namespace dspy::http::curl
