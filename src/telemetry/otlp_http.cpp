#include "dspy/telemetry/otlp_http.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/log_fields.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/base/text.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/http/url.hpp"
#include "dspy/lm/tracing/open_inference.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <format>
#include <system_error>
#include <utility>

namespace dspy {
namespace {

constexpr std::size_t most_reply_bytes = std::size_t{4} * 1024 * 1024;

/// The variable for traces, else the one for all signals.
std::string variable(std::string_view name) {
  for (const auto* const prefix : {"OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"}) {
    const auto whole = std::string(prefix) + std::string(name);
    const char* const value = std::getenv(whole.c_str());
    if (value != nullptr && !text::trim(value).empty()) return std::string(text::trim(value));
  }
  return {};
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low < 0) {
      out += text[i];
    } else {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

std::vector<http::Credential> credentials_in(std::string_view list) {
  std::vector<http::Credential> out;
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    const auto field = text::trim(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (field.empty()) continue;
    const auto equals = field.find('=');
    if (equals == std::string_view::npos || equals == 0)
      throw Error(Errc::config_error, "OTEL_EXPORTER_OTLP_HEADERS must be name=value,name=value");
    out.push_back({.header = std::string(text::trim(field.substr(0, equals))),
                   .value = Secret(percent_decoded(text::trim(field.substr(equals + 1))))});
  }
  return out;
}

OtlpSent meaning_of(const http::Response& response) {
  const int status = response.status;
  if (status == 429 || status == 502 || status == 503 || status == 504) return OtlpSent::again;
  if (status < 200 || status >= 300) {
    log(LogLevel::warning, "otlp", std::format("the collector refuses spans (HTTP {}); check its URL and key", status),
        {{"status", status}});
    return OtlpSent::refused;
  }
  const auto json = parse_json(response.body);
  const auto* const object = json ? json->if_object() : nullptr;
  const auto* const partial = object != nullptr ? object->if_contains("partialSuccess") : nullptr;
  if (partial != nullptr && partial->is_object() && !partial->get_object().empty())
    log(LogLevel::warning, "otlp", "the collector took only a part of the spans: " + to_text(*partial).substr(0, 500));
  return OtlpSent::ok;  // what it did not take it will not take another time
}

}  // namespace

std::optional<OtlpEndpoint> otlp_endpoint_from_environment() {
  const char* const traces = std::getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  const bool is_whole = traces != nullptr && !text::trim(traces).empty();
  auto url = variable("ENDPOINT");
  if (url.empty()) return {};
  if (variable("PROTOCOL") == "grpc")
    throw Error(Errc::config_error,
                "OTEL_EXPORTER_OTLP_PROTOCOL is grpc, which this library does not speak; set it to http/json, and the "
                "endpoint's port to 4318");
  if (!is_whole) {
    while (url.ends_with('/')) url.pop_back();
    url += "/v1/traces";
  }
  OtlpEndpoint out{.url = std::move(url), .credentials = credentials_in(variable("HEADERS"))};
  if (const auto time = variable("TIMEOUT"); !time.empty()) {
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(time.data(), time.data() + time.size(), value);
    if (problem != std::errc{} || end != time.data() + time.size() || value <= 0 || value > 3'600'000)
      throw Error(Errc::config_error, "OTEL_EXPORTER_OTLP_TIMEOUT must be a number of milliseconds above 0");
    out.timeout = std::chrono::milliseconds(value);
  }
  return out;
}

std::function<OtlpSent(std::string_view)> otlp_sender(OtlpEndpoint endpoint) {
  if (const auto url = http::parse_url(endpoint.url); !url)
    throw Error(Errc::config_error, std::format("the collector's URL cannot be used: {}", url.error()));
  if (!endpoint.transport) endpoint.transport = http::default_transport();
  return [endpoint = std::move(endpoint)](std::string_view body) {
    http::Request request{.url = endpoint.url,
                          .headers = {{"Content-Type", "application/json"}},
                          .body = std::string(body),
                          .credentials = endpoint.credentials};
    request.timeouts.connect = std::min(request.timeouts.connect, endpoint.timeout);
    request.timeouts.total = endpoint.timeout;
    const auto response =
        attempt([&] { return wait(http::send(endpoint.transport, std::move(request), most_reply_bytes)); });
    if (response) return meaning_of(*response);
    const auto code = response.error().code();
    if (code == Errc::unavailable || code == Errc::timeout || code == Errc::stream_broken) return OtlpSent::again;
    log(LogLevel::warning, "otlp", std::format("spans cannot be sent: {}", response.error().what()));
    return OtlpSent::refused;
  };
}

std::shared_ptr<OtlpTrace> otlp_trace(OtlpEndpoint endpoint, OtlpOptions options) {
  const bool has_open_inference = endpoint.has_open_inference;
  options.send = otlp_sender(std::move(endpoint));
  if (has_open_inference) options.send = open_inference(std::move(options.send));
  const char* const name = std::getenv("OTEL_SERVICE_NAME");
  if (options.service == OtlpOptions().service && name != nullptr && *name != '\0') options.service = name;
  return std::make_shared<OtlpTrace>(std::move(options));
}

}  // namespace dspy
