#include "providers/endpoint.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/text.hpp"
#include "dspy/base/version.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/http/url.hpp"
#include "providers/socket_exchange.hpp"

#include <cstdlib>
#include <format>
#include <utility>
#include <vector>

namespace dspy::providers {
namespace {

std::string environment(const char* name) {
  const char* const value = name != nullptr ? std::getenv(name) : nullptr;
  return value != nullptr ? std::string(text::trim(value)) : std::string();
}

std::vector<std::string> names_of(const Dialect::Names& names) {
  std::vector<std::string> out;
  for (const auto name : names)
    if (!name.empty()) out.emplace_back(name);
  return out;
}

/// `OLLAMA_HOST` may lack what a URL has, and may be what the server listens on.
std::string ollama_url(std::string url) {
  if (!url.contains("://")) url = "http://" + url;
  auto parsed = http::parse_url(url);
  if (!parsed) return url;
  const bool names_port = parsed->port != (parsed->scheme == "https" ? 443 : 80) || url.ends_with(":80");
  const auto host = parsed->host == "0.0.0.0" || parsed->host == "::" ? std::string("127.0.0.1") : parsed->host;
  if (names_port && host == parsed->host) return url;
  const auto port = names_port ? parsed->port : parsed->scheme == "https" ? 443 : 11434;
  return std::format("{}://{}:{}{}", parsed->scheme, host.contains(':') ? "[" + host + "]" : host, port,
                     parsed->path == "/" ? "" : parsed->path);
}

/// Without what the paths of the protocol bring.
std::string_view without_version(std::string_view url, Api api) {
  while (url.ends_with('/')) url.remove_suffix(1);
  const auto strip = [&](std::string_view ending) {
    if (url.ends_with(ending)) url.remove_suffix(ending.size());
  };
  if (api == Api::anthropic) strip("/v1");
  if (api == Api::gemini) strip("/v1beta");
  if (api == Api::ollama) strip("/api");
  return url;
}

std::string wanted_url(const Dialect& dialect, std::string_view given) {
  if (!given.empty()) return std::string(given);
  if (const char* const variable = set_variable(dialect.base_url_variables)) return environment(variable);
  if (!dialect.base_url.empty()) return std::string(dialect.base_url);
  const auto variables = names_of(dialect.base_url_variables);
  throw Error(Errc::config_error,
              std::format("{} has no default address; give its `base_url`{}", dialect.title,
                          variables.empty() ? std::string()
                                            : ", or set the environment variable " + text::enumerate(variables, "`")),
              {.provider = std::string(dialect.name)});
}

/// A private network, as far as its name shows.
bool is_private(const std::string& host) {
  if (http::is_loopback(host)) return true;
  if (host.starts_with("10.") || host.starts_with("192.168.")) return true;
  if (host.starts_with("172.")) {
    const auto second = std::atoi(host.c_str() + 4);
    return second >= 16 && second < 32;
  }
  return !host.contains('.') && !host.contains(':');  // a name such as that of a container
}

Secret find_key(const Dialect& dialect, const RemoteOptions& options) {
  if (!options.api_key.is_empty()) return options.api_key;
  if (!options.api_key_env.empty()) {
    auto value = environment(options.api_key_env.c_str());
    if (value.empty())
      throw Error(Errc::authentication_failed,
                  std::format("{}: the environment variable `{}`, which is to hold the key, is not set", dialect.title,
                              options.api_key_env),
                  {.provider = std::string(dialect.name)});
    return Secret(std::move(value));
  }
  return Secret(environment(set_variable(dialect.key_variables)));
}

void require_key(const Dialect& dialect, const http::Url& url) {
  if (!dialect.needs_key || http::is_loopback(url.host)) return;
  throw Error(Errc::authentication_failed,
              std::format("{} needs a key: set the environment variable {}, or name another one by `api_key_env`",
                          dialect.title, text::enumerate(names_of(dialect.key_variables), "`")),
              {.provider = std::string(dialect.name)});
}

std::string account_of(const Dialect& dialect, std::string_view base_url, std::string_view organization,
                       const Secret& key) {
  // An organisation's keys share its state.
  const auto who = organization.empty() ? key.reveal() : organization;
  return sha256(std::format("account\n{}\n{}\n{}", dialect.name, base_url, who)).substr(0, 16);
}

void add_openai_headers(http::Headers& headers, const RemoteOptions& options) {
  const auto organization = options.organization.empty() ? environment("OPENAI_ORG_ID") : options.organization;
  const auto project = options.project.empty() ? environment("OPENAI_PROJECT_ID") : options.project;
  if (!organization.empty()) headers.set("OpenAI-Organization", organization);
  if (!project.empty()) headers.set("OpenAI-Project", project);
}

void place_azure(Endpoint& out, const RemoteOptions& options) {
  auto version = options.api_version;
  if (version.empty()) version = environment("AZURE_API_VERSION");
  if (version.empty()) version = environment("OPENAI_API_VERSION");
  if (out.base_url.ends_with("/openai/v1")) return;
  if (version.empty() || options.api == Api::responses) {
    out.base_url += "/openai/v1";
    return;
  }
  out.base_url += std::format("/openai/deployments/{}", options.model);
  out.query = "?api-version=" + version;
}

}  // namespace

const char* set_variable(const Dialect::Names& names) noexcept {
  for (const auto name : names) {
    if (name.empty()) continue;
    const char* const value = std::getenv(name.data());  // a literal, so it ends with a null
    if (value != nullptr && !text::trim(value).empty()) return name.data();
  }
  return nullptr;
}

std::string base_url_of(const Dialect& dialect, std::string_view given) {
  auto url = wanted_url(dialect, given);
  if (dialect.api == Api::ollama) url = ollama_url(std::move(url));
  const auto parsed = http::parse_url(url);
  const auto reason = !parsed                  ? parsed.error()
                      : parsed->has_userinfo   ? "it holds a name or password; give the key by `api_key_env`"
                      : !parsed->query.empty() ? "it has a query, which belongs to single requests"
                                               : std::string();
  if (!reason.empty())
    throw Error(Errc::config_error, std::format("{}: the base URL cannot be used: {}", dialect.title, reason),
                {.provider = std::string(dialect.name)});
  return std::string(without_version(url, dialect.api));
}

Endpoint make_endpoint(const Dialect& dialect, const RemoteOptions& options) {
  Endpoint out{.dialect = &dialect,
               .base_url = base_url_of(dialect, options.base_url),
               .headers = options.headers,
               .timeouts = options.timeouts,
               .sends_trace_context = options.sends_trace_context,
               .transport = options.transport ? options.transport : http::default_transport()};
  const auto url = http::parse_url(out.base_url);
  auto key = find_key(dialect, options);
  out.account = account_of(dialect, out.base_url, options.organization, key);
  if (key.is_empty()) {
    require_key(dialect, *url);
  } else if (url->scheme == "http" && !options.allow_plain_http && !is_private(url->host)) {
    throw Error(Errc::config_error,
                std::format("{}: the key would go over plain HTTP to {}; use https, or allow it by `allow_plain_http`",
                            dialect.title, url->origin()),
                {.provider = std::string(dialect.name)});
  } else {
    out.credentials.push_back({.header = std::string(dialect.key_header),
                               .prefix = std::string(dialect.key_prefix),
                               .value = std::move(key)});
  }
  if (options.web_socket) out.sockets = std::make_shared<SocketPool>();
  out.headers.set("Content-Type", "application/json");
  if (!out.headers.find("User-Agent")) out.headers.set("User-Agent", std::format("dspy-cpp/{}", version()));
  if (dialect.api == Api::anthropic && !out.headers.find("anthropic-version"))
    out.headers.set("anthropic-version", "2023-06-01");
  if (dialect.name == "openai") add_openai_headers(out.headers, options);
  if (dialect.name == "azure") place_azure(out, options);
  return out;
}

http::Request Endpoint::request(std::string_view path, std::string body, bool stream) const {
  http::Request out{.url = base_url + std::string(path) + query,
                    .headers = headers,
                    .body = std::move(body),
                    .credentials = credentials,
                    .timeouts = timeouts};
  out.headers.set("Accept", stream && dialect->api != Api::ollama ? "text/event-stream" : "application/json");
  return out;
}

void Endpoint::redact(std::string& text, std::size_t shortest) const {
  for (const auto& credential : credentials) {
    const auto key = credential.value.reveal();
    if (key.size() < shortest) continue;
    for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at))
      text.replace(at, key.size(), "[key]");
  }
}

void Endpoint::redact(http::Headers& told) const {
  http::Headers clean;
  for (auto [name, value] : told) {
    redact(value);
    clean.add(std::move(name), std::move(value));
  }
  told = std::move(clean);
}

}  // namespace dspy::providers
