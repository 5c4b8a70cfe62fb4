// The page's files over HTTP: kept by browsers as long as they are the same, compressed where that is understood, and
// with headers that let nothing run but what is in them.

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/http/headers.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/page.hpp"
#include "dspy/server/routes.hpp"

#include <algorithm>
#include <format>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

constexpr std::string_view content_security_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

http::Headers safe_headers(std::string_view type) {
  return {
      {"Content-Type", std::string(type)},           {"Content-Security-Policy", std::string(content_security_policy)},
      {"X-Content-Type-Options", "nosniff"},         {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"}, {"Cross-Origin-Resource-Policy", "same-origin"}};
}

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

/// Calls `take` with each element of a list that is separated by commas.
template <class Take>
bool any_element(std::string_view list, Take take) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (take(trimmed(list.substr(0, comma)))) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

/// Whether `Accept-Encoding` names gzip, and not with a weight of zero.
bool takes_gzip(const http::Headers& headers) {
  return any_element(headers.find("Accept-Encoding").value_or(""), [](std::string_view element) {
    const auto semicolon = element.find(';');
    const auto name = trimmed(element.substr(0, semicolon));
    if (name != "gzip" && name != "x-gzip") return false;
    if (semicolon == std::string_view::npos) return true;
    const auto weight = trimmed(element.substr(semicolon + 1));
    return !weight.starts_with("q=0") || weight.find_first_of("123456789") != std::string_view::npos;
  });
}

/// Weak comparison (RFC 9110, 13.1.2).
bool has_tag(const http::Headers& headers, std::string_view etag) {
  return any_element(headers.find("If-None-Match").value_or(""), [etag](std::string_view element) {
    if (element.starts_with("W/")) element.remove_prefix(2);
    return element == "*" || element == etag;
  });
}

HttpResponse respond(const PageFile& file, const HttpRequest& request) {
  HttpResponse response{.headers = safe_headers(file.type)};
  // The names of assets change with what is in them; `/` names the assets, so it is asked for each time.
  response.headers.set("Cache-Control", file.path == "/" ? "no-cache" : "public, max-age=31536000, immutable");
  response.headers.set("Vary", "Accept-Encoding");
  const bool compressed = !file.gzip.empty() && takes_gzip(request.headers);
  // Two representations have two tags.
  const auto etag =
      compressed ? std::format("{}-gzip\"", file.etag.substr(0, file.etag.size() - 1)) : std::string(file.etag);
  response.headers.set("ETag", etag);
  if (has_tag(request.headers, etag)) {
    response.status = 304;
    return response;
  }
  if (compressed) response.headers.set("Content-Encoding", "gzip");
  response.body = std::string(compressed ? file.gzip : file.bytes);
  return response;
}

HttpResponse no_page() {
  HttpResponse response{.status = 404, .headers = safe_headers("text/plain; charset=utf-8")};
  response.headers.set("Cache-Control", "no-store");
  response.body =
      "This server was built without its page, as node.js 20.19 (or newer), npm or the page's packages were not "
      "available. The API works: see /v1/programs and /openapi.json.\n";
  return response;
}

Async<HttpResponse> answer(std::span<const PageFile> files, HttpRequest request) {
  const auto file = std::ranges::find(files, std::string_view(request.path), &PageFile::path);
  if (file != files.end()) co_return respond(*file, request);
  if (request.path == "/") {
    auto response = no_page();
    co_return response;
  }
  throw HttpError(404, Errc::bad_input, std::format("the page has no file `{}`; load `/` anew", request.path));
}

}  // namespace

std::vector<Route> page_routes(std::span<const PageFile> files) {
  const Handler handler = [files](HttpRequest request) { return answer(files, std::move(request)); };
  return {{.path = "/", .handler = handler}, {.path = "/assets/{path...}", .handler = handler}};
}

}  // namespace dspy::server
