#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/routes.hpp"

#include <algorithm>
#include <format>
#include <string>
#include <string_view>
#include <utility>

// A server without sockets: requests go to the routes.

namespace dspy::test {

struct Answer {
  int status = 0;
  std::string text = {};
  Json body = {};

  const JsonObject& object() const { return body.as_object(); }
};

/// Asks as the holder of a key; `target` may have a query (`/api/traces?limit=2`), without percent codes.
inline Answer ask(const server::Routes& routes, std::string method, std::string_view target, const Json& body = {},
                  std::string_view key = {}) {
  server::HttpRequest request{.method = std::move(method), .peer = "127.0.0.1"};
  const auto mark = std::min(target.find('?'), target.size());
  request.path = std::string(target.substr(0, mark));
  auto query = target.substr(std::min(mark + 1, target.size()));
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto pair = query.substr(0, end);
    const auto equals = std::min(pair.find('='), pair.size());
    request.query[std::string(pair.substr(0, equals))] = pair.substr(std::min(equals + 1, pair.size()));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  if (!body.is_null()) request.body = to_text(body);
  if (!key.empty()) request.headers.add("Authorization", std::format("Bearer {}", key));
  const auto response = wait(routes.answer(std::move(request)));
  Answer out{.status = response.status, .text = response.body};
  if (auto json = parse_json(response.body)) out.body = *std::move(json);
  return out;
}

}  // namespace dspy::test
