#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "support.hpp"

#include <algorithm>
#include <expected>
#include <format>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Replies as they go over the wire, and what the library makes of them.

namespace dspy::test {

inline const Request plain_question{.messages = {{Role::user, "q"}}};

/// Each text is the data of an event; line breaks in it, which are none of the JSON's texts, are spaces there.
inline std::string events(std::initializer_list<std::string_view> data) {
  std::string out;
  for (const auto each : data) {
    std::string line(each);
    std::ranges::replace(line, '\n', ' ');
    out += std::format("data: {}\n\n", line);
  }
  return out;
}

/// What `provider`'s whole body is read as.
inline std::expected<Reply, Error> read_body(std::string_view provider, std::string body, http::Headers headers = {}) {
  const Remote remote(provider);
  if (!headers.find("Content-Type")) headers.set("Content-Type", "application/json");
  remote.transport->reply({.headers = std::move(headers), .body = std::move(body)});
  return attempt([&] { return wait(remote.lm->complete(plain_question)); });
}

/// What `provider`'s stream is read as, in pieces of so many bytes.
inline std::expected<Reply, Error> read_stream(std::string_view provider, std::string wire, std::size_t piece = 0,
                                               http::Headers headers = {}) {
  const Remote remote(provider);
  const auto api = find_dialect(provider)->api;
  auto all = type_of(api, true);
  for (const auto& [name, value] : headers) all.set(name, value);
  remote.transport->reply({.headers = std::move(all), .body = std::move(wire), .piece_bytes = piece});
  return attempt([&] { return wait(remote.lm->stream(plain_question, {})); });
}

}  // namespace dspy::test
