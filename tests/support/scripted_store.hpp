#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/http/simulated_transport.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "retrieve/remote/weaviate/weaviate_filter.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::test {

/// A server that gives the answers of a script.
struct Scripted {
  std::shared_ptr<http::SimulatedTransport> transport = std::make_shared<http::SimulatedTransport>();

  Scripted& says(std::string body, int status = 200) {
    transport->reply({.status = status, .body = std::move(body)});
    return *this;
  }
  RemoteStoreOptions options() const {
    RemoteStoreOptions out;
    out.api_key = Secret("key-1");
    out.transport = transport;
    out.attempts = 2;
    return out;
  }
  http::Request sent(std::size_t i) const { return transport->requests().at(i); }
  JsonObject body(std::size_t i) const { return parse_json(sent(i).body).value().as_object(); }
};

inline Passage sample_passage(std::string id) {
  return {.id = std::move(id),
          .text = "a text",
          .vector = {3, 4},
          .metadata = {{"lang", "en"}, {"year", 2020}, {"tags", {"a", 1}}, {"none", nullptr}},
          .source = "a.md",
          .begin = 3,
          .end = 9};
}

inline JsonObject json(std::string_view text) {
  return parse_json(text).value().as_object();
}

template <class F>
Error error_of(F work) {
  try {
    work();
  } catch (const Error& error) {
    CHECK_FALSE(std::string_view(error.what()).contains("key-1"));
    return error;
  }
  FAIL("nothing was thrown");
  return {Errc::io_error, ""};
}

/// The word that stands for what an `eq` asks.
inline std::string fact_of(const Filter& filter) {
  const auto where = remote::weaviate_filter(filter, {});
  return std::string(view(where.at("valueText").as_string()));
}

}  // namespace dspy::test
