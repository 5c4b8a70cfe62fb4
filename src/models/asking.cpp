#include "models/asking.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/text.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/http/url.hpp"
#include "models/redirects.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::models {
namespace {

constexpr std::size_t most_bytes = std::size_t{32} << 20;

[[noreturn]] void refuse_offline(const Error& error, std::string_view mirror) {
  throw Error(Errc::unavailable,
              std::format("{}; is this machine offline? A model that is here already needs no network (`dspy models "
                          "list`); behind a proxy, set HTTPS_PROXY; for a mirror, set {}",
                          error.what(), mirror));
}

}  // namespace

std::string origin_of(const std::string& url) {
  const auto parsed = http::parse_url(url);
  return parsed ? parsed->origin() : url;
}

Async<http::Response> answer_of(Hub hub, std::string url, std::string accept, Secret token, std::string mirror) {
  constexpr int most_redirects = 5;
  for (int redirects = 0;; ++redirects) {
    http::Request request{
        .method = "GET", .url = url, .timeouts = {.first_byte = std::chrono::seconds(60)}, .stop = hub.stop};
    request.headers.add("Accept", accept);
    if (!token.is_empty())
      request.credentials.push_back({.header = "Authorization", .prefix = "Bearer ", .value = token});
    std::optional<http::Response> response;
    std::optional<Error> failed;
    try {
      response = co_await http::send(hub.transport, std::move(request), most_bytes);
    } catch (const Error& error) {
      failed = error;
    }
    if (failed) {
      if (failed->code() == Errc::unavailable) refuse_offline(*failed, mirror);
      throw *failed;
    }
    if (!is_redirect(response->status)) co_return *std::move(response);
    if (redirects == most_redirects)
      throw Error(Errc::unavailable,
                  std::format("{} redirects in a circle; set {} to another address", origin_of(url), mirror));
    auto next = redirect_of(url, response->headers);
    if (next.leaves_origin) token = Secret();
    url = std::move(next.url);
  }
}

std::string license_name(std::string_view text) {
  constexpr std::size_t most = 80;
  std::string out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text::trim(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.empty()) continue;
    if (!out.empty() && !text::to_lower(line).starts_with("version")) break;
    if (!out.empty()) out += ", ";
    out += line.substr(0, most);
    if (out.contains("ersion")) break;
  }
  if (out.size() > most) out.resize(most);
  return text::invalid_utf8(out) ? std::string() : out;
}

Async<std::string> license_at(Hub hub, std::string url, std::string digest) {
  constexpr std::string_view otherwise = "see the model's page";
  std::optional<http::Response> response;
  try {
    response = co_await answer_of(hub, std::move(url), "text/plain, */*", Secret(), "OLLAMA_ENDPOINT");
  } catch (const Error& error) {
    if (error.code() == Errc::cancelled) throw;
  }
  if (!response || response->status != 200 || "sha256:" + sha256(response->body) != digest)
    co_return std::string(otherwise);
  const auto name = license_name(response->body);
  co_return name.empty() ? std::string(otherwise) : name;
}

}  // namespace dspy::models
