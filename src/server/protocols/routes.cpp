#include "dspy/base/version.hpp"
#include "dspy/server/protocols.hpp"
#include "server/anthropic/anthropic.hpp"
#include "server/ollama/ollama.hpp"
#include "server/openai/openai.hpp"
#include "server/protocols/gateway.hpp"
#include "server/protocols/members.hpp"
#include "server/protocols/models.hpp"
#include "server/protocols/texts.hpp"
#include "server/scoring/endpoints.hpp"

#include <chrono>
#include <format>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

// Which endpoint speaks which API.

namespace dspy::server {
namespace {

using Endpoint = Async<HttpResponse> (*)(std::shared_ptr<const Gateway> gateway, HttpRequest request);
using Answer = std::function<JsonObject(const Gateway& gateway, const HttpRequest& request)>;

class RouteTable {
 public:
  explicit RouteTable(std::shared_ptr<const Gateway> gateway) : gateway_(std::move(gateway)) {}

  /// An endpoint that asks a model.
  void ask(std::string_view path, Asked (*read)(const JsonObject& body), AskingProtocol protocol, ErrorForm errors,
           std::string_view summary, std::string_view tag) {
    protocol.read = [read](const HttpRequest& request) { return read(json_body(request)); };
    auto shared = std::make_shared<const AskingProtocol>(std::move(protocol));
    add("POST", path,
        [gateway = gateway_, shared](HttpRequest request) { return server::ask(gateway, shared, std::move(request)); },
        std::move(errors), {.summary = std::string(summary), .tag = std::string(tag), .streams = true});
  }

  void post(std::string_view path, Endpoint endpoint, ErrorForm errors, std::string_view summary,
            std::string_view tag) {
    add("POST", path,
        [gateway = gateway_, endpoint](HttpRequest request) { return endpoint(gateway, std::move(request)); },
        std::move(errors), {.summary = std::string(summary), .tag = std::string(tag)});
  }

  /// One that answers at once.
  void answer(std::string_view method, std::string_view path, Answer answer, ErrorForm errors, std::string_view summary,
              std::string_view tag) {
    add(method, path,
        [gateway = gateway_, answer = std::move(answer)](HttpRequest request) {
          return at_once(gateway, answer, std::move(request));
        },
        std::move(errors), {.summary = std::string(summary), .tag = std::string(tag)});
  }

  /// An endpoint that clients of an API may ask for, and that is not offered: they get that in their own form.
  void refuse(std::string_view method, std::string_view path, const ErrorForm& errors, std::string_view why) {
    const auto message = std::format("{} is not offered here: {}", path, why);
    add(method, path, [message](HttpRequest) { return refused(message); }, errors, {});
  }

  std::vector<Route> take() { return std::move(routes_); }

 private:
  static Async<HttpResponse> refused(std::string message) {
    throw HttpError(404, Errc::unsupported, message);
    co_return HttpResponse();
  }

  static Async<HttpResponse> at_once(std::shared_ptr<const Gateway> gateway, Answer answer, HttpRequest request) {
    co_return json_response(answer(*gateway, request));
  }

  void add(std::string_view method, std::string_view path, Handler handler, ErrorForm errors, RouteDocument document) {
    routes_.push_back({.method = std::string(method),
                       .path = std::string(path),
                       .handler = std::move(handler),
                       .scope = gateway_->scope(),
                       .errors = std::move(errors),
                       .document = std::move(document)});
  }

  std::shared_ptr<const Gateway> gateway_;
  std::vector<Route> routes_;
};

void add_openai(RouteTable& table, std::int64_t since) {
  table.ask("/v1/chat/completions", openai::read_chat,
            {.read = {}, .write = openai::write_chat, .stream = openai::stream_chat}, openai::error_body,
            "A reply to a conversation", "openai");
  table.ask("/v1/responses", openai::read_response,
            {.read = {}, .write = openai::write_response, .stream = openai::stream_response}, openai::error_body,
            "A reply to a list of items", "openai");
  table.post("/v1/completions", scoring::complete, openai::error_body, "What follows a text", "openai");
  table.post("/v1/embeddings", embed, openai::error_body, "Texts as vectors", "openai");
  table.post("/v1/rerank", rerank, openai::error_body, "Documents by how well they answer a query", "openai");
  table.answer(
      "GET", "/v1/models",
      [since](const Gateway& gateway, const HttpRequest& request) {
        return list_models(gateway, request.caller, since);
      },
      openai::error_body, "Programs and models", "openai");
  table.answer(
      "GET", "/v1/models/{name...}",
      [since](const Gateway& gateway, const HttpRequest& request) {
        return show_model(gateway, request.caller, request.parameters.at("name"), since);
      },
      openai::error_body, "One of them", "openai");
}

void add_anthropic(RouteTable& table) {
  table.ask(
      "/v1/messages", anthropic::read_messages,
      {.read = {}, .write = anthropic::write_message, .stream = anthropic::stream_messages, .id_header = "request-id"},
      anthropic::error_body, "A reply to a conversation", "anthropic");
  table.post("/v1/messages/count_tokens", scoring::count_tokens, anthropic::error_body, "How many tokens a request has",
             "anthropic");
}

void add_ollama(RouteTable& table, std::int64_t since) {
  constexpr std::string_view lines = "application/x-ndjson";
  table.ask("/api/chat", ollama::read_chat,
            {.read = {}, .write = ollama::write_chat, .stream = ollama::stream_chat, .stream_type = lines},
            ollama::error_body, "A reply to a conversation", "ollama");
  table.ask("/api/generate", ollama::read_generate,
            {.read = {}, .write = ollama::write_generate, .stream = ollama::stream_generate, .stream_type = lines},
            ollama::error_body, "A reply to a prompt", "ollama");
  table.post("/api/embed", embed_for_ollama, ollama::error_body, "Texts as vectors", "ollama");
  table.answer(
      "GET", "/api/tags",
      [since](const Gateway& gateway, const HttpRequest& request) { return list_tags(gateway, request.caller, since); },
      ollama::error_body, "Programs and models", "ollama");
  table.answer(
      "POST", "/api/show",
      [](const Gateway& gateway, const HttpRequest& request) {
        const auto object = json_body(request);
        Members body(object);
        auto name = body.text("model");
        if (auto older = body.text("name"); !name) name = std::move(older);
        if (!name) wrong("model", "is required");
        body.ignore({"verbose"});
        body.finish();
        return show_tag(gateway, request.caller, ollama::plain_name(*name));
      },
      ollama::error_body, "One of them", "ollama");
  table.answer(
      "GET", "/api/version", [](const Gateway&, const HttpRequest&) { return JsonObject{{"version", version()}}; },
      ollama::error_body, "The server's version", "ollama");
}

void refuse_of_ollama(RouteTable& table) {
  constexpr std::string_view why = "models are chosen when the server is started (--model)";
  for (const auto* const path : {"/api/pull", "/api/push", "/api/create", "/api/copy"})
    table.refuse("POST", path, ollama::error_body, why);
  table.refuse("DELETE", "/api/delete", ollama::error_body, why);
  table.refuse("GET", "/api/ps", ollama::error_body, "GET /api/system lists what is loaded");
  table.refuse("POST", "/api/embeddings", ollama::error_body, "POST /api/embed takes its place");
}

void add_scoring(RouteTable& table) {
  table.post("/v1/systemone", scoring::decide, scoring::decide_error, "Typed decisions with measured probabilities",
             "scoring");
  table.post("/tokenize", scoring::tokenize, openai::error_body, "A text or conversation as tokens", "scoring");
  table.post("/detokenize", scoring::detokenize, openai::error_body, "Tokens as a text", "scoring");
}

}  // namespace

std::vector<Route> protocol_routes(std::shared_ptr<const Catalog> catalog, ProtocolOptions options) {
  RouteTable table(std::make_shared<const Gateway>(std::move(catalog), std::move(options)));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto since = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  add_openai(table, since);
  add_anthropic(table);
  add_ollama(table, since);
  refuse_of_ollama(table);
  add_scoring(table);
  return table.take();
}

}  // namespace dspy::server
