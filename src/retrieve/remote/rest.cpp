#include "retrieve/remote/rest.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/http/retry_after.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/http/url.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <format>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::remote {
namespace {

std::map<std::string, std::string> read_query(std::string_view query) {
  std::map<std::string, std::string> out;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto pair = query.substr(0, end);
    const auto equals = std::min(pair.find('='), pair.size());
    out[std::string(pair.substr(0, equals))] = std::string(pair.substr(std::min(equals + 1, pair.size())));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return out;
}

Errc code_of(int status) {
  if (status == 401 || status == 403) return Errc::authentication_failed;
  if (status == 408 || status == 504) return Errc::timeout;
  if (status == 429) return Errc::rate_limit_exceeded;
  return status >= 500 ? Errc::unavailable : Errc::refused;
}

/// What the server says is wrong, shortened; keys are in headers, which are not repeated.
std::string reason_of(const std::string& body) {
  return body.size() > 300 ? body.substr(0, 300) + "…" : body;
}

Error error_of(const Server& server, const http::Response& response) {
  return {code_of(response.status),
          std::format("the {} server answers {}: {}", server.kind, response.status, reason_of(response.body)),
          {.status = response.status,
           .retry_after = http::retry_after(response.headers, std::chrono::system_clock::now()),
           .provider = server.kind}};
}

http::Request request_of(const Server& server, const std::string& method, const std::string& path,
                         const JsonObject& body, std::stop_token stop) {
  http::Request out{.method = method,
                    .url = server.base + path,
                    .headers = server.headers,
                    .credentials = server.credentials,
                    .timeouts = server.timeouts,
                    .stop = std::move(stop)};
  out.headers.set("Accept", "application/json");
  if (method != "GET" && (method != "DELETE" || !body.empty())) {
    out.headers.set("Content-Type", "application/json");
    out.body = to_text(body);
  }
  return out;
}

/// Doubles from 200 ms on; what the server asks for goes before it, up to 30 s.
std::chrono::milliseconds pause(int attempt, const Error& error) {
  const auto own = std::chrono::milliseconds(100 << std::min(attempt, 6));
  return error.info().retry_after ? std::min(*error.info().retry_after, std::chrono::milliseconds(30'000)) : own;
}

Async<Answer> ask_once(Server server, http::Request request, std::vector<int> fine) {
  const auto response = co_await http::send(server.transport, std::move(request));
  const bool is_fine =
      (response.status >= 200 && response.status < 300) || std::ranges::contains(fine, response.status);
  if (!is_fine) throw error_of(server, response);
  Answer answer{.status = response.status};
  if (!response.body.empty()) {
    auto json = parse_json(response.body);
    if (json) {
      answer.body = *std::move(json);
    } else if (response.status < 300) {
      throw Error(Errc::backend_error,
                  std::format("the {} server's answer is not JSON: {}", server.kind, json.error().message));
    }
  }
  if (server.failure_in != nullptr)
    if (const auto failure = server.failure_in(answer.body)) throw *failure;
  co_return answer;
}

}  // namespace

StoreUri read_uri(std::string_view uri, std::string_view kind, unsigned default_port, bool needs_name) {
  const auto refuse = [&](std::string_view why) {
    throw Error(Errc::config_error,
                std::format("the URI of the {0} store {1}; write `{0}://host:{2}/name`", kind, why, default_port));
  };
  const auto scheme_end = uri.find("://");
  if (scheme_end == std::string_view::npos) refuse("has no `://`");
  const auto scheme = uri.substr(0, scheme_end);
  const bool is_tls = scheme.ends_with("+https") || scheme == "rediss";
  const auto parsed = http::parse_url(std::format("{}://{}", is_tls ? "https" : "http", uri.substr(scheme_end + 3)));
  if (!parsed) refuse(parsed.error());
  if (parsed->has_userinfo) refuse("has a password; give keys by option or environment instead");
  StoreUri out{.query = read_query(parsed->query)};
  const auto authority = uri.substr(scheme_end + 3, uri.find('/', scheme_end + 3) - scheme_end - 3);
  const bool has_port = authority.substr(std::min(authority.find(']'), authority.size())).contains(':') ||
                        (!authority.contains(']') && authority.contains(':'));
  out.base = parsed->origin();
  if (!has_port && default_port != 0) out.base += std::format(":{}", default_port);
  out.name = parsed->path;
  while (out.name.starts_with('/')) out.name.erase(0, 1);
  while (out.name.ends_with('/')) out.name.pop_back();
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  if ((needs_name && out.name.empty()) || !std::ranges::all_of(out.name, is_plain))
    refuse("needs a name of letters, digits, `-`, `_` and `.` after the host");
  return out;
}

void require_identifier(std::string_view name, std::string_view kind) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_plain = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; };
  if (name.empty() || !is_letter(name.front()) || !std::ranges::all_of(name, is_plain))
    throw Error(
        Errc::config_error,
        std::format("`{}` cannot be a name on a {} server; begin with a letter, and use letters, digits and `_`", name,
                    kind));
}

bool wants_graph(const StoreUri& uri, std::string_view kind) {
  const auto index = uri.query.find("index");
  if (index == uri.query.end() || index->second == "flat") return false;
  if (index->second != "hnsw")
    throw Error(Errc::config_error, std::format("the {} store has no index `{}`; write `index=hnsw`, or leave it out",
                                                kind, index->second));
  return true;
}

Server make_server(std::string kind, std::string base, const RemoteStoreOptions& options, std::string_view header,
                   const char* variable) {
  if (options.attempts < 1)
    throw Error(Errc::invalid_parameter, "a request of 0 attempts is never sent; allow 1 or more");
  Server out{.kind = std::move(kind),
             .base = std::move(base),
             .transport = options.transport ? options.transport : http::default_transport(),
             .timeouts = options.timeouts,
             .attempts = options.attempts};
  auto key = options.api_key;
  if (const char* const found = std::getenv(variable); key.is_empty() && found != nullptr) key = Secret(found);
  if (!key.is_empty()) out.credentials.push_back({.header = std::string(header), .value = std::move(key)});
  return out;
}

Async<Answer> ask(Server server, std::string method, std::string path, JsonObject body, std::stop_token stop,
                  std::vector<int> fine) {
  for (int attempt = 1;; ++attempt) {
    std::optional<Error> failure;
    try {
      co_return co_await ask_once(server, request_of(server, method, path, body, stop), fine);
    } catch (const Error& error) {
      if (attempt >= server.attempts || !is_retryable(error.code())) throw;
      failure = error;
    }
    co_await sleep(pause(attempt, *failure), stop);
  }
}

const Json& member(const Json& json, std::string_view name, std::string_view kind) {
  const auto* const object = json.if_object();
  const auto* const found = object == nullptr ? nullptr : object->if_contains(name);
  if (found == nullptr) throw Error(Errc::backend_error, std::format("the {} server's answer has no `{}`", kind, name));
  return *found;
}

const JsonArray& list(const Json& json, std::string_view kind) {
  if (!json.is_array()) throw Error(Errc::backend_error, std::format("the {} server's answer has no list", kind));
  return json.get_array();
}

JsonArray numbers(const std::vector<float>& vector) {
  JsonArray out;
  out.reserve(vector.size());
  for (const float x : vector) out.emplace_back(static_cast<double>(x));
  return out;
}

std::vector<float> vector_of(const Json& json, std::string_view kind) {
  std::vector<float> out;
  if (json.is_null()) return out;
  for (const auto& x : list(json, kind)) out.push_back(x.to_number<float>());
  return out;
}

void unsupported(std::string_view kind, std::string_view what) {
  throw Error(Errc::unsupported, std::format("a store of kind {} cannot {}", kind, what),
              {.feature = std::string(what)});
}

void require_vectors(const std::vector<Passage>& passages, std::string_view kind) {
  for (const auto& passage : passages)
    if (passage.vector.empty())
      unsupported(kind, std::format("keep a passage without a vector (`{}`); use an embedder", passage.id));
}

void require_vector_search(const StoreQuery& query, std::string_view kind) {
  if (!query.text.empty()) unsupported(kind, "search by words; search by vector");
}

Filter pushed_down(const Filter& filter, bool is_negated) {
  using Op = Filter::Op;
  const auto parts = [&](bool negated) {
    std::vector<Filter> out;
    for (const auto& part : filter.parts()) out.push_back(pushed_down(part, negated));
    return out;
  };
  const auto& field = filter.op() == Op::everything || !filter.parts().empty() ? std::string() : filter.field();
  switch (filter.op()) {
    case Op::negation: return pushed_down(filter.parts().front(), !is_negated);
    case Op::all: return is_negated ? Filter::any(parts(true)) : Filter::all(parts(false));
    case Op::any: return is_negated ? Filter::all(parts(true)) : Filter::any(parts(false));
    case Op::eq: return is_negated ? Filter::ne(field, filter.value()) : filter;
    case Op::ne: return is_negated ? Filter::eq(field, filter.value()) : filter;
    case Op::in: return is_negated ? Filter::nin(field, filter.value().as_array()) : filter;
    case Op::nin: return is_negated ? Filter::in(field, filter.value().as_array()) : filter;
    case Op::exists: return is_negated ? Filter::exists(field, !filter.value().as_bool()) : filter;
    default: return is_negated ? !filter : filter;
  }
}

Json comparable(const Json& value, std::string_view kind) {
  if (!value.is_number()) return value;
  const auto number = value.to_number<double>();
  if ((value.is_int64() && static_cast<std::int64_t>(number) != value.get_int64()) ||
      std::fabs(number) > 9'007'199'254'740'992.0)
    unsupported(kind, std::format("compare {} exactly; keep such numbers as texts", to_text(value)));
  return number;
}

std::string uuid_of(std::string_view id) {
  auto digits = sha256(id).substr(0, 32);
  digits[12] = '8';
  digits[16] = "89ab"[static_cast<unsigned>(digits[16] <= '9' ? digits[16] - '0' : digits[16] - 'a' + 10) % 4];
  return std::format("{}-{}-{}-{}-{}", digits.substr(0, 8), digits.substr(8, 4), digits.substr(12, 4),
                     digits.substr(16, 4), digits.substr(20));
}

JsonObject payload_of(const Passage& passage) {
  return {{"id", passage.id},       {"text", passage.text}, {"source", passage.source},
          {"begin", passage.begin}, {"end", passage.end},   {"metadata", passage.metadata}};
}

Passage passage_of(const JsonObject& payload) {
  const Json json(payload);
  constexpr std::string_view kind = "passage";
  return {.id = std::string(view(member(json, "id", kind).as_string())),
          .text = std::string(view(member(json, "text", kind).as_string())),
          .metadata = member(json, "metadata", kind).as_object(),
          .source = std::string(view(member(json, "source", kind).as_string())),
          .begin = member(json, "begin", kind).to_number<std::size_t>(),
          .end = member(json, "end", kind).to_number<std::size_t>()};
}

Hit hit_of(Passage passage, double score, double own_number, std::size_t rank) {
  return {
      .passage = std::move(passage), .score = score, .parts = {{.by = "vector", .value = own_number, .rank = rank}}};
}

std::vector<Passage> in_order(const std::vector<std::string>& ids, const std::vector<Passage>& found) {
  std::map<std::string_view, const Passage*> by_id;
  for (const auto& passage : found) by_id.emplace(passage.id, &passage);
  std::vector<Passage> out;
  for (const auto& id : ids)
    if (const auto each = by_id.find(id); each != by_id.end()) out.push_back(*each->second);
  return out;
}

}  // namespace dspy::remote
