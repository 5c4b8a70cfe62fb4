#include "dspy/base/text.hpp"
#include "dspy/base/version.hpp"
#include "http/curl/transfer.hpp"

#include <algorithm>
#include <format>
#include <limits>
#include <new>
#include <utility>

namespace dspy::http::curl {
namespace {

template <class T>
void set(CURL* handle, CURLoption option, T value) {
  if (const auto problem = curl_easy_setopt(handle, option, value); problem != CURLE_OK) {
    throw Error(Errc::backend_error,
                std::format("libcurl {} refused the option {} ({})", curl_version_info(CURLVERSION_NOW)->version,
                            static_cast<int>(option), curl_easy_strerror(problem)));
  }
}

/// CURLWS_NOAUTOPONG, which older headers lack: libcurl sends its pongs with the next message, which may be never.
constexpr long no_auto_pong = 1L << 1;

long in_milliseconds(std::chrono::milliseconds time) {
  return static_cast<long>(
      std::clamp<std::chrono::milliseconds::rep>(time.count(), 1, std::numeric_limits<int>::max()));
}

/// Whether the reply is streamed: a proxy that compresses it would delay it.
bool wants_stream(const Headers& headers) {
  const auto accept = headers.find("Accept");
  return accept && (accept->contains("event-stream") || accept->contains("ndjson"));
}

}  // namespace

void Transfer::set_up() {
  auto* const handle = handle_.get();
  set(handle, CURLOPT_PRIVATE, this);
  // `http` becomes `ws`, and `https` `wss`.
  const auto url = line_ ? "ws" + request_.url.substr(std::string_view("http").size()) : request_.url;
  set(handle, CURLOPT_URL, url.c_str());
  set(handle, CURLOPT_PROTOCOLS_STR, line_ ? "ws,wss" : "http,https");
  if (line_) {
    set(handle, CURLOPT_CONNECT_ONLY, 2L);  // and the frames are ours
    set(handle, CURLOPT_WS_OPTIONS, no_auto_pong);
  }
  set(handle, CURLOPT_NOSIGNAL, 1L);
  set(handle, CURLOPT_FOLLOWLOCATION, 0L);
  set(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(handle, CURLOPT_ERRORBUFFER, problem_);
  set(handle, CURLOPT_CONNECTTIMEOUT_MS, in_milliseconds(request_.timeouts.connect));
  set(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  const bool http2 = options_.http2 && !line_;
  set(handle, CURLOPT_HTTP_VERSION, static_cast<long>(http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  set(handle, CURLOPT_PIPEWAIT, http2 && url_.scheme == "https" ? 1L : 0L);

  set(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  set(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  set(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options_.ca_file.empty()) set(handle, CURLOPT_CAINFO, options_.ca_file.c_str());
  if (!options_.client_certificate.empty()) set(handle, CURLOPT_SSLCERT, options_.client_certificate.c_str());
  if (!options_.client_key.empty()) set(handle, CURLOPT_SSLKEY, options_.client_key.c_str());

  set(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(handle, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
  // A server on this machine is not behind a proxy, whatever the environment says of plain HTTP.
  if (!options_.proxies_from_environment || options_.only_public_addresses || is_loopback(url_.host)) {
    set(handle, CURLOPT_PROXY, "");
    set(handle, CURLOPT_NOPROXY, "*");
  }

  set(handle, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(handle, CURLOPT_HEADERDATA, this);
  set(handle, CURLOPT_WRITEFUNCTION, &Transfer::on_bytes);
  set(handle, CURLOPT_WRITEDATA, this);
  set(handle, CURLOPT_PREREQFUNCTION, &Transfer::on_connected);
  set(handle, CURLOPT_PREREQDATA, this);
  if (options_.only_public_addresses) {
    set(handle, CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_open_socket);
    set(handle, CURLOPT_OPENSOCKETDATA, this);
  }
  set_up_method();
  set_up_headers();
}

void Transfer::set_up_method() {
  auto* const handle = handle_.get();
  require_sendable(request_.method, "");
  const auto& method = request_.method;
  const bool has_body = !request_.body.empty() || method == "POST" || method == "PUT" || method == "PATCH";
  if (has_body) {
    set(handle, CURLOPT_POST, 1L);
    set(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set(handle, CURLOPT_POSTFIELDS, request_.body.data());  // not copied; `request_` lives as long
  } else if (method == "HEAD") {
    set(handle, CURLOPT_NOBODY, 1L);
  } else {
    set(handle, CURLOPT_HTTPGET, 1L);
  }
  if (method != (has_body ? "POST" : "GET") && method != "HEAD") set(handle, CURLOPT_CUSTOMREQUEST, method.c_str());
}

void Transfer::set_up_headers() {
  auto* const handle = handle_.get();
  const auto& headers = request_.headers;
  // Decoded whatever the server sends; asked for only where it costs no time.
  if (!line_) set(handle, CURLOPT_ACCEPT_ENCODING, wants_stream(headers) ? "identity" : "");
  for (const auto& header : headers) add_header(header.name, header.value);
  for (const auto& credential : request_.credentials) {
    std::string value = credential.prefix;
    value += credential.value.reveal();
    const Secret line(std::move(value));
    add_header(credential.header, line.reveal());
  }
  if (!headers.find("User-Agent")) add_header("User-Agent", std::format("dspy-cpp/{}", version()));
  // What libcurl would add: a form's type, and a question that costs a round trip.
  if (!headers.find("Content-Type")) add_line("Content-Type:");
  add_line("Expect:");
  set(handle, CURLOPT_HTTPHEADER, headers_.get());
}

void Transfer::add_header(std::string_view name, std::string_view value) {
  require_sendable(name, value);
  std::string line(name);
  if (value.empty()) {
    line += ';';  // libcurl's way to say that it is sent, and empty
  } else {
    line += ": ";
    line += value;
  }
  const Secret kept(std::move(line));
  add_line(kept.reveal().data());
}

void Transfer::add_line(const char* line) {
  auto* const longer = curl_slist_append(headers_.get(), line);
  if (longer == nullptr) throw std::bad_alloc();
  static_cast<void>(headers_.release());
  headers_.reset(longer);
}

}  // namespace dspy::http::curl
