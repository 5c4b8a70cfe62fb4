#include "dspy/base/error.hpp"
#include "providers/embedding/embedding.hpp"
#include "providers/json_tools.hpp"
#include "providers/state.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::providers::embedding {
namespace {

using Protocol = Provider::Protocol;

JsonArray list_of(std::span<const std::string> texts) {
  return JsonArray(texts.begin(), texts.end());
}

/// Empty where the role says nothing.
std::string_view role_word(Protocol protocol, EmbedRole role) {
  const bool query = role == EmbedRole::query;
  // Cohere's models require it.
  if (protocol == Protocol::cohere) return query ? "search_query" : "search_document";
  if (role == EmbedRole::none) return {};
  switch (protocol) {
    case Protocol::voyage: return query ? "query" : "document";
    case Protocol::jina: return query ? "retrieval.query" : "retrieval.passage";
    case Protocol::gemini: return query ? "RETRIEVAL_QUERY" : "RETRIEVAL_DOCUMENT";
    default: return {};
  }
}

Wire gemini_texts(const RemoteEmbedderOptions& options, std::string_view role, std::span<const std::string> texts) {
  const auto name = options.model.contains('/') ? options.model : "models/" + options.model;
  JsonArray requests;
  for (const auto& text : texts) {
    JsonObject request{{"model", name}, {"content", JsonObject{{"parts", JsonArray{JsonObject{{"text", text}}}}}}};
    if (!role.empty()) request["taskType"] = role;
    if (options.dimensions) request["outputDimensionality"] = *options.dimensions;
    requests.push_back(std::move(request));
  }
  return {.path = std::format("/v1beta/{}:batchEmbedContents", name), .body = {{"requests", std::move(requests)}}};
}

[[noreturn]] void wrong(const Provider& provider, std::string_view what, const Usage& usage = {}) {
  throw Error(Errc::unavailable, std::format("{} sent {}; ask again", provider.dialect->title, what),
              {.provider = std::string(provider.dialect->name), .usage = usage});
}

std::vector<float> vector_of(const Provider& provider, const Json& written) {
  const auto* const numbers = written.if_array();
  if (numbers == nullptr || numbers->empty()) wrong(provider, "what is not a vector");
  std::vector<float> out;
  out.reserve(numbers->size());
  for (const auto& number : *numbers) {
    if (!number.is_number()) wrong(provider, "a vector with something that is not a number");
    out.push_back(static_cast<float>(number.to_number<double>()));
  }
  return out;
}

/// The list of vectors, each an array, or an object with one; in the order of the texts.
std::vector<std::vector<float>> vectors_of(const Provider& provider, const JsonArray& list, std::string_view member,
                                           std::size_t count) {
  std::vector<std::vector<float>> out(count);
  if (list.size() != count) wrong(provider, std::format("{} vectors for {} texts", list.size(), count));
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto* const object = list[i].if_object();
    const auto place = object != nullptr ? count_at(*object, "index").value_or(i) : i;
    if (place >= count || !out[place].empty()) wrong(provider, "vectors whose indices are wrong");
    const auto* const inside = object != nullptr ? member_at(*object, member) : &list[i];
    if (inside == nullptr) wrong(provider, "a reply without a vector");
    out[place] = vector_of(provider, *inside);
    if (out[place].size() != out[0].size() && !out[0].empty()) wrong(provider, "vectors of different lengths");
  }
  return out;
}

Usage usage_of(const JsonObject& body) {
  Usage out{.requests = 1};
  if (const auto* const usage = object_at(body, "usage")) {
    out.prompt_tokens = count_at(*usage, "prompt_tokens");
    out.reported_total = count_at(*usage, "total_tokens");
    if (!out.prompt_tokens) out.prompt_tokens = out.reported_total;
  }
  if (const auto tokens = count_at(body, "prompt_eval_count")) out.prompt_tokens = tokens;
  if (const auto* const meta = object_at(body, "meta"))
    if (const auto* const billed = object_at(*meta, "billed_units"))
      out.prompt_tokens = count_at(*billed, "input_tokens");
  return out;
}

}  // namespace

Wire write_texts(const Provider& provider, const RemoteEmbedderOptions& options, EmbedRole role,
                 std::span<const std::string> texts) {
  const auto word = role_word(provider.protocol, role);
  Wire out{.path = "/embeddings", .body = {{"model", options.model}}};
  const auto size = [&](std::string_view name) {
    if (options.dimensions) out.body[name] = *options.dimensions;
  };
  switch (provider.protocol) {
    case Protocol::gemini: return gemini_texts(options, word, texts);
    case Protocol::openai:
      out.body["input"] = list_of(texts);
      size("dimensions");
      break;
    case Protocol::voyage:
      out.body["input"] = list_of(texts);
      if (!word.empty()) out.body["input_type"] = word;
      size("output_dimension");
      break;
    case Protocol::jina:
      out.body["input"] = list_of(texts);
      if (!word.empty()) out.body["task"] = word;
      size("dimensions");
      break;
    case Protocol::cohere:
      out.path = "/v2/embed";
      out.body["texts"] = list_of(texts);
      out.body["input_type"] = word;
      out.body["embedding_types"] = JsonArray{"float"};
      size("output_dimension");
      break;
    case Protocol::ollama:
      out.path = "/api/embed";
      out.body["input"] = list_of(texts);
      out.body["truncate"] = false;
      size("dimensions");
      break;
  }
  return out;
}

Embeddings read_vectors(const Provider& provider, const JsonObject& body, std::size_t count) {
  throw_error_in(body, *provider.dialect);
  Embeddings out{.usage = usage_of(body)};
  const JsonArray* list = nullptr;
  std::string_view member = "embedding";
  switch (provider.protocol) {
    case Protocol::gemini:
      list = array_at(body, "embeddings");
      member = "values";
      break;
    case Protocol::ollama: list = array_at(body, "embeddings"); break;
    case Protocol::cohere:
      if (const auto* const kinds = object_at(body, "embeddings")) list = array_at(*kinds, "float");
      break;
    default: list = array_at(body, "data");
  }
  if (list == nullptr) wrong(provider, "a reply without vectors", out.usage);
  out.vectors = vectors_of(provider, *list, member, count);
  return out;
}

Wire write_ranking(const Provider& provider, const RemoteEmbedderOptions& options, const RankRequest& request) {
  Wire out{.path = provider.protocol == Protocol::cohere ? "/v2/rerank" : "/rerank",
           .body = {{"model", options.model}, {"query", request.query}, {"documents", list_of(request.documents)}}};
  if (request.top != 0) out.body[provider.protocol == Protocol::voyage ? "top_k" : "top_n"] = request.top;
  return out;
}

Ranking read_ranking(const Provider& provider, const JsonObject& body, const RankRequest& request) {
  throw_error_in(body, *provider.dialect);
  Ranking out{.usage = usage_of(body)};
  const auto* list = array_at(body, "results");
  if (list == nullptr) list = array_at(body, "data");
  if (list == nullptr) wrong(provider, "a reply without a ranking", out.usage);
  std::vector<bool> seen(request.documents.size());
  for (const auto& each : *list) {
    const auto* const result = each.if_object();
    const auto index = result != nullptr ? count_at(*result, "index") : std::nullopt;
    auto score = result != nullptr ? number_at(*result, "relevance_score") : std::nullopt;
    if (!score && result != nullptr) score = number_at(*result, "score");
    if (!index || !score || *index >= seen.size() || seen[*index]) wrong(provider, "a ranking of other documents");
    seen[*index] = true;
    out.documents.push_back({.index = static_cast<std::size_t>(*index), .score = *score});
  }
  const auto wanted = request.top == 0 ? seen.size() : std::min(request.top, seen.size());
  if (out.documents.size() < wanted)
    wrong(provider, std::format("a ranking of {} documents, where {} were asked for", out.documents.size(), wanted));
  std::ranges::stable_sort(out.documents, [](const Ranked& a, const Ranked& b) {
    return a.score != b.score ? a.score > b.score : a.index < b.index;
  });
  out.documents.resize(wanted);
  return out;
}

}  // namespace dspy::providers::embedding
