#pragma once

#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/protocols.hpp"
#include "dspy/server/routes.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::test {

/// Calls a server's endpoints without a socket.
class ProtocolClient {
 public:
  explicit ProtocolClient(std::shared_ptr<const server::Catalog> catalog, server::ProtocolOptions options = {}) {
    routes_.add(server::protocol_routes(std::move(catalog), std::move(options)));
  }

  struct Answer {
    int status = 0;
    http::Headers headers = {};
    std::string body = {};

    /// The body, which must be a JSON object.
    JsonObject json() const {
      auto value = parse_json(body);
      REQUIRE_MESSAGE(value.has_value(), body);
      REQUIRE(value->is_object());
      return value->get_object();
    }
    /// The `data:` of each event, without `[DONE]`.
    std::vector<JsonObject> events() const {
      std::vector<JsonObject> out;
      std::string_view rest = body;
      while (!rest.empty()) {
        const auto end = rest.find('\n');
        REQUIRE(end != std::string_view::npos);
        const auto line = rest.substr(0, end);
        rest.remove_prefix(end + 1);
        if (line.starts_with("data: ") && line != "data: [DONE]") {
          auto value = parse_json(line.substr(6));
          REQUIRE_MESSAGE(value.has_value(), std::string(line));
          out.push_back(value->get_object());
        }
      }
      return out;
    }
    std::vector<JsonObject> lines() const {
      std::vector<JsonObject> out;
      std::string_view rest = body;
      while (!rest.empty()) {
        const auto end = rest.find('\n');
        REQUIRE(end != std::string_view::npos);
        auto value = parse_json(rest.substr(0, end));
        REQUIRE(value.has_value());
        out.push_back(value->get_object());
        rest.remove_prefix(end + 1);
      }
      return out;
    }
  };

  Answer post(std::string path, const Json& body) { return ask("POST", std::move(path), to_text(body)); }
  /// JSON text.
  Answer post_text(std::string path, std::string body) { return ask("POST", std::move(path), std::move(body)); }
  Answer get(std::string path) { return ask("GET", std::move(path), ""); }

  server::Caller caller = {};

 private:
  class Collector final : public server::BodyWriter {
   public:
    explicit Collector(std::string& into) : into_(into) {}
    Async<void> write(std::string bytes) override {
      into_ += bytes;
      co_return;
    }

   private:
    std::string& into_;
  };

  static Async<Answer> run(const server::Route& route, server::HttpRequest request) {
    server::HttpResponse response;
    try {
      response = co_await route.handler(std::move(request));
    } catch (const Error& error) {
      response = server::error_response(error, route.errors);
    }
    Answer out{.status = response.status, .headers = response.headers, .body = response.body};
    if (response.stream) {
      Collector collector(out.body);
      co_await response.stream(collector);
    }
    co_return out;
  }

  Answer ask(std::string method, std::string path, std::string body) {
    auto found = routes_.find(method, path);
    REQUIRE_MESSAGE(found.route != nullptr, path);
    return wait(run(*found.route, {.method = std::move(method),
                                   .path = std::move(path),
                                   .parameters = std::move(found.parameters),
                                   .body = std::move(body),
                                   .caller = caller}));
  }

  server::Routes routes_;
};

/// `model` says what `answer` says.
inline std::shared_ptr<server::Catalog> catalog_of(std::shared_ptr<LM> lm, std::string name = "model") {
  auto out = std::make_shared<server::Catalog>();
  out->put(server::ServedModel{.name = std::move(name), .lm = std::move(lm)});
  return out;
}

inline server::ServedProgram program_of(std::string name, std::string_view signature, std::shared_ptr<LM> lm) {
  auto read = Signature::parse(signature);
  return {.name = std::move(name),
          .version = "v1",
          .source = "test",
          .program = Program(Predictor(read, {.lm = std::move(lm)})),
          .signature = read};
}

inline Json parsed(std::string_view text) {
  auto value = parse_json(text);
  REQUIRE_MESSAGE(value.has_value(), std::string(text));
  return *value;
}

}  // namespace dspy::test
