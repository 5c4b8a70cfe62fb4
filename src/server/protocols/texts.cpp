#include "server/protocols/texts.hpp"

#include "dspy/base/base64.hpp"
#include "dspy/base/error.hpp"
#include "dspy/lm/embedder.hpp"
#include "server/ollama/ollama.hpp"
#include "server/protocols/claim.hpp"
#include "server/protocols/common.hpp"
#include "server/protocols/members.hpp"

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <format>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

std::vector<std::string> read_texts(const Json& given, std::string_view place, bool takes_objects = false) {
  if (given.is_string()) return {std::string(view(given.get_string()))};
  if (!given.is_array() || given.get_array().empty()) wrong(place, "must be a text or a list of texts");
  std::vector<std::string> out;
  for (std::size_t i = 0; i < given.get_array().size(); ++i) {
    const auto& each = given.get_array()[i];
    const auto at = indexed(place, i);
    if (each.is_string()) {
      out.emplace_back(view(each.get_string()));
    } else if (takes_objects && each.is_object()) {
      Members document(each.get_object(), at);
      out.push_back(document.required_text("text"));
      document.finish();
    } else {
      wrong(at, "must be a text; tokens are numbered otherwise in other models");
    }
  }
  return out;
}

EmbedRole read_role(Members& body) {
  const auto word = body.text("input_type");
  if (!word) return EmbedRole::none;
  if (*word == "query" || *word == "search_query") return EmbedRole::query;
  if (*word == "document" || *word == "search_document" || *word == "passage") return EmbedRole::document;
  wrong("input_type", "must be query or document");
}

std::shared_ptr<Embedder> embedder_of(const ServedModel& model) {
  if (model.embedder) return model.embedder;
  throw Error(Errc::unsupported, std::format("`{}` is not an embedding model; see /v1/models", model.name),
              {.feature = "model"});
}

/// Vectors have the size they have.
void require_size(Members& body, const Embedder& embedder) {
  const auto asked = body.count("dimensions");
  if (asked && static_cast<std::size_t>(*asked) != embedder.dimensions())
    not_honoured("dimensions", std::format("vectors of this model have {}", embedder.dimensions()));
}

/// Little-endian floats, as OpenAI's clients ask for them.
std::string base64_of(const std::vector<float>& vector) {
  std::vector<std::byte> bytes;
  bytes.reserve(vector.size() * sizeof(float));
  for (const auto value : vector) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<std::byte>((bits >> shift) & 0xFFU));
  }
  return base64::encode(bytes);
}

JsonArray numbers_of(const std::vector<float>& vector) {
  JsonArray out;
  out.reserve(vector.size());
  for (const auto value : vector) out.push_back(static_cast<double>(value));
  return out;
}

Json text_usage(const Usage& usage) {
  if (!usage.prompt_tokens) return nullptr;
  JsonObject out{{"prompt_tokens", *usage.prompt_tokens}, {"total_tokens", *usage.prompt_tokens}};
  if (const auto cost = dollars(usage)) out["cost"] = *cost;
  return out;
}

constexpr std::uint64_t special_tokens = 4;  ///< Around each text.

/// No fewer than the texts' tokens.
std::uint64_t bytes_of(const std::vector<std::string>& texts) {
  std::uint64_t out = 0;
  for (const auto& text : texts) out += text.size() + special_tokens;
  return out;
}

}  // namespace

Async<HttpResponse> embed(std::shared_ptr<const Gateway> gateway, HttpRequest request) {
  const auto object = json_body(request);
  Members body(object);
  const auto name = body.required_text("model");
  auto texts = read_texts(body.require("input"), "input");
  const auto encoding = body.text("encoding_format").value_or("float");
  if (encoding != "float" && encoding != "base64") wrong("encoding_format", "must be float or base64");
  const auto role = read_role(body);
  const auto embedder = embedder_of(*gateway->model(request.caller, name));
  require_size(body, *embedder);
  body.ignore({"user"});
  body.finish();
  Claim claim(gateway->charge(request.caller), embedder->model(), bytes_of(texts));
  const auto found = co_await embedder->embed({.texts = std::move(texts), .role = role, .stop = request.stop});
  claim.settle(found.usage);
  JsonArray data;
  for (const auto& vector : found.vectors) {
    Json written = encoding == "float" ? Json(numbers_of(vector)) : Json(base64_of(vector));
    data.push_back(JsonObject{{"object", "embedding"}, {"index", data.size()}, {"embedding", std::move(written)}});
  }
  auto out = json_response(
      JsonObject{{"object", "list"}, {"data", std::move(data)}, {"model", name}, {"usage", text_usage(found.usage)}});
  tell_cost(out, found.usage);
  co_return out;
}

Async<HttpResponse> embed_for_ollama(std::shared_ptr<const Gateway> gateway, HttpRequest request) {
  const auto begun = std::chrono::steady_clock::now();
  const auto object = json_body(request);
  Members body(object);
  const auto name = ollama::plain_name(body.required_text("model"));
  auto texts = read_texts(body.require("input"), "input");
  const auto embedder = embedder_of(*gateway->model(request.caller, name));
  require_size(body, *embedder);
  body.ignore({"keep_alive", "options"});
  body.expect("truncate", {false}, "a text that is too long is an error");
  body.finish();
  Claim claim(gateway->charge(request.caller), embedder->model(), bytes_of(texts));
  const auto found = co_await embedder->embed({.texts = std::move(texts), .stop = request.stop});
  claim.settle(found.usage);
  JsonArray vectors;
  for (const auto& vector : found.vectors) vectors.push_back(numbers_of(vector));
  JsonObject out{{"model", name},
                 {"embeddings", std::move(vectors)},
                 {"total_duration", (std::chrono::steady_clock::now() - begun).count()}};
  if (found.usage.prompt_tokens) out["prompt_eval_count"] = *found.usage.prompt_tokens;
  auto response = json_response(out);
  tell_cost(response, found.usage);
  co_return response;
}

Async<HttpResponse> rerank(std::shared_ptr<const Gateway> gateway, HttpRequest request) {
  const auto object = json_body(request);
  Members body(object);
  const auto name = body.required_text("model");
  RankRequest work{.query = body.required_text("query"),
                   .documents = read_texts(body.require("documents"), "documents", true),
                   .stop = request.stop};
  auto top = body.count("top_n");
  if (const auto other = body.count("top_k"); !top) top = other;
  work.top = static_cast<std::size_t>(top.value_or(0));
  const bool wants_texts = body.flag("return_documents").value_or(false);
  body.ignore({"user"});
  body.finish();
  const auto served = gateway->model(request.caller, name);
  if (!served->reranker)
    throw Error(Errc::unsupported, std::format("`{}` is not a reranking model; see /v1/models", name),
                {.feature = "model"});
  // The query is read once with each document.
  Claim claim(gateway->charge(request.caller), served->reranker->model(),
              bytes_of(work.documents) + work.documents.size() * (work.query.size() + special_tokens));
  const auto documents = work.documents;
  const auto ranking = co_await served->reranker->rank(std::move(work));
  claim.settle(ranking.usage);
  JsonArray results;
  for (const auto& each : ranking.documents) {
    JsonObject one{{"index", each.index}, {"relevance_score", each.score}};
    if (wants_texts) one["document"] = JsonObject{{"text", documents[each.index]}};
    results.push_back(std::move(one));
  }
  const auto stamp = Stamp::now();
  auto out = json_response(JsonObject{{"id", "rerank-" + stamp.id},
                                      {"model", name},
                                      {"results", std::move(results)},
                                      {"usage", text_usage(ranking.usage)}});
  tell_cost(out, ranking.usage);
  co_return out;
}

}  // namespace dspy::server
