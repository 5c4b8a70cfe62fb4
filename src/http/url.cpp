#include "dspy/http/url.hpp"

#include "dspy/base/text.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <format>
#include <memory>
#include <optional>
#include <system_error>

namespace dspy::http {
namespace {

struct Free {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
  void operator()(char* text) const noexcept { curl_free(text); }
};

std::optional<std::string> part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return std::nullopt;
  const std::unique_ptr<char, Free> owned(text);
  return std::string(text);
}

}  // namespace

std::string Url::origin() const {
  const auto name = host.contains(':') ? std::format("[{}]", host) : host;
  const bool is_usual = port == (scheme == "https" ? 443 : 80);
  return is_usual ? std::format("{}://{}", scheme, name) : std::format("{}://{}:{}", scheme, name, port);
}

std::expected<Url, std::string> parse_url(std::string_view text) {
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; }))
    return std::unexpected("it has a blank or a control byte in it");
  if (!text.contains("://")) return std::unexpected("it does not begin with 'https://' or 'http://'");
  const std::unique_ptr<CURLU, Free> url(curl_url());
  if (!url) return std::unexpected("there is no memory left to read it");
  const auto problem = curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(), CURLU_NON_SUPPORT_SCHEME);
  if (problem != CURLUE_OK) return std::unexpected(curl_url_strerror(problem));

  Url out{
      .scheme = part(url.get(), CURLUPART_SCHEME).value_or(""),
      .host = text::to_lower(part(url.get(), CURLUPART_HOST).value_or("")),
      .path = part(url.get(), CURLUPART_PATH).value_or("/"),
      .query = part(url.get(), CURLUPART_QUERY).value_or(""),
      .has_userinfo = part(url.get(), CURLUPART_USER).has_value() || part(url.get(), CURLUPART_PASSWORD).has_value()};
  if (out.scheme != "https" && out.scheme != "http")
    return std::unexpected(std::format("its scheme is '{}', not 'https' or 'http'", out.scheme));
  if (out.host.starts_with('[') && out.host.ends_with(']')) out.host = out.host.substr(1, out.host.size() - 2);
  if (out.host.empty()) return std::unexpected("it names no host");
  const auto port = part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT).value_or("");
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size() || out.port == 0)
    return std::unexpected("its port is not a number from 1 to 65535");
  return out;
}

}  // namespace dspy::http
