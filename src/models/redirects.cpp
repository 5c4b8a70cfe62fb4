#include "models/redirects.hpp"

#include "dspy/base/error.hpp"
#include "dspy/http/headers.hpp"
#include "dspy/http/url.hpp"

#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::models {
namespace {

std::string resolved(const http::Url& from, std::string_view location) {
  if (location.starts_with("http://") || location.starts_with("https://")) return std::string(location);
  if (location.starts_with("//")) return from.scheme + ":" + std::string(location);
  if (location.starts_with('/')) return from.origin() + std::string(location);
  return from.origin() + from.path.substr(0, from.path.rfind('/') + 1) + std::string(location);
}

}  // namespace

bool is_redirect(int status) noexcept {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Redirect redirect_of(const std::string& from, const http::Headers& headers) {
  const auto before = http::parse_url(from);
  const auto origin = before ? before->origin() : "the server";
  const auto location = headers.find("location");
  if (!location)
    throw Error(Errc::unavailable, std::format("{} redirects to nowhere; the address may be wrong", origin));
  auto next = before ? resolved(*before, *location) : std::string();
  const auto after = http::parse_url(next);
  if (!after)
    throw Error(Errc::unavailable, std::format("{} redirects to an invalid URL; the address may be wrong", origin));
  if (before->scheme == "https" && after->scheme != "https")
    throw Error(Errc::unavailable,
                std::format("{} redirects to a connection without TLS; that is not followed", origin));
  return {.url = std::move(next), .leaves_origin = before->origin() != after->origin()};
}

}  // namespace dspy::models
