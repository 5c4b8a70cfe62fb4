#include "dspy/base/text.hpp"
#include "mock_provider/dialect.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

namespace dspy::mock {
namespace {

constexpr std::size_t usual_dimensions = 8;

/// A unit vector that is the same for the same text: texts that share words are near each other.
std::vector<double> embed(std::string_view text, std::size_t dimensions) {
  std::vector<double> out(dimensions, 0.0);
  const auto add = [&](std::string_view word) {
    auto hash = std::uint64_t{0xcbf29ce484222325};  // FNV-1a
    for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    out[hash % dimensions] += (hash >> 60) % 2 == 0 ? 1.0 : -1.0;
    out[(hash >> 17) % dimensions] += 0.5;
  };
  const auto lower = text::to_lower(text);
  for (std::size_t at = 0; at < lower.size();) {
    const auto end = std::min(lower.find_first_of(" \t\n.,;:!?", at), lower.size());
    if (end > at) add(std::string_view(lower).substr(at, end - at));
    at = end + 1;
  }
  double length = 0;
  for (const auto value : out) length += value * value;
  if (length == 0) out[0] = length = 1;
  for (auto& value : out) value /= std::sqrt(length);
  return out;
}

Json vector_of(std::string_view text, std::size_t dimensions) {
  JsonArray out;
  for (const auto value : embed(text, dimensions)) out.push_back(value);
  return out;
}

std::vector<std::string> texts_in(const JsonObject& body, std::string_view name) {
  const auto* const value = body.if_contains(name);
  if (value == nullptr) return {};
  if (!value->is_array()) return {text_of(*value)};
  std::vector<std::string> out;
  for (const auto& each : value->get_array()) out.push_back(text_of(each));
  return out;
}

std::int64_t count_all(const std::vector<std::string>& texts) {
  std::int64_t tokens = 0;
  for (const auto& text : texts) tokens += count_tokens(text);
  return tokens;
}

/// OpenAI's, which Voyage, Jina and servers of one's own follow.
JsonObject openai_embeddings(const JsonObject& body, std::int64_t tokens) {
  JsonArray data;
  const auto dimensions = count_in(body, "dimensions").value_or(usual_dimensions);
  for (const auto& text : texts_in(body, "input"))
    data.push_back(
        JsonObject{{"object", "embedding"}, {"index", data.size()}, {"embedding", vector_of(text, dimensions)}});
  return {{"object", "list"},
          {"data", std::move(data)},
          {"model", string_in(body, "model")},
          {"usage", JsonObject{{"prompt_tokens", tokens}, {"total_tokens", tokens}}}};
}

JsonObject cohere_embeddings(const JsonObject& body, std::int64_t tokens) {
  JsonArray vectors;
  const auto dimensions = count_in(body, "output_dimension").value_or(usual_dimensions);
  for (const auto& text : texts_in(body, "texts")) vectors.push_back(vector_of(text, dimensions));
  return {{"id", "mock"},
          {"embeddings", JsonObject{{"float", std::move(vectors)}}},
          {"meta", JsonObject{{"billed_units", JsonObject{{"input_tokens", tokens}}}}}};
}

std::string gemini_text(const JsonObject& body) {
  const auto* const content = object_in(body, "content");
  return content == nullptr ? std::string() : text_of(schema_in(*content, "parts"));
}

JsonObject gemini_embedding(const JsonObject& body) {
  const auto dimensions = count_in(body, "outputDimensionality").value_or(usual_dimensions);
  return {{"values", vector_of(gemini_text(body), dimensions)}};
}

JsonObject gemini_embeddings(const JsonObject& body) {
  JsonArray out;
  if (const auto* const requests = array_in(body, "requests")) {
    for (const auto& each : *requests)
      if (each.is_object()) out.push_back(gemini_embedding(each.get_object()));
  }
  return {{"embeddings", std::move(out)}};
}

JsonObject ollama_embeddings(const JsonObject& body, std::int64_t tokens) {
  JsonArray vectors;
  const auto dimensions = count_in(body, "dimensions").value_or(usual_dimensions);
  for (const auto& text : texts_in(body, "input")) vectors.push_back(vector_of(text, dimensions));
  return {{"model", string_in(body, "model")},
          {"embeddings", std::move(vectors)},
          {"total_duration", 1000},
          {"prompt_eval_count", tokens}};
}

/// By how near their vectors are; Cohere, Jina and Voyage differ in names only.
JsonObject ranking(const JsonObject& body, bool is_voyage) {
  struct Ranked {
    std::size_t index;
    double score;
  };
  constexpr std::size_t fine = 64;
  const auto query = embed(string_in(body, "query"), fine);
  std::vector<Ranked> all;
  for (const auto& text : texts_in(body, "documents")) {
    const auto other = embed(text, fine);
    double score = 0;
    for (std::size_t i = 0; i < fine; ++i) score += query[i] * other[i];
    all.push_back({.index = all.size(), .score = (score + 1) / 2});
  }
  std::ranges::stable_sort(all, std::ranges::greater(), &Ranked::score);
  const auto most = count_in(body, is_voyage ? "top_k" : "top_n").value_or(all.size());
  all.resize(std::min(all.size(), most));
  JsonArray results;
  for (const auto& each : all) results.push_back(JsonObject{{"index", each.index}, {"relevance_score", each.score}});
  return {{is_voyage ? "data" : "results", std::move(results)},
          {"model", string_in(body, "model")},
          {"usage", JsonObject{{"total_tokens", count_all(texts_in(body, "documents"))}}}};
}

JsonObject models(std::string_view path) {
  if (path.ends_with("/api/tags")) return {{"models", JsonArray{JsonObject{{"name", "mock"}, {"model", "mock"}}}}};
  if (path.contains("/v1beta/")) return {{"models", JsonArray{JsonObject{{"name", "models/mock"}}}}};
  return {{"object", "list"}, {"data", JsonArray{JsonObject{{"id", "mock"}, {"object", "model"}}}}};
}

}  // namespace

std::optional<Written> other_reply(const Request& request, const JsonObject& body, const Wishes& wishes) {
  const std::string_view path = request.path;
  const auto tokens =
      count_all(texts_in(body, body.contains("texts") ? "texts" : "input")) * (wishes.wrong_usage ? 10 : 1);
  const auto as_reply = [](const JsonObject& reply) { return Written{.parts = {to_text(reply)}}; };
  if (request.method == "GET") {
    if (path.ends_with("/models") || path.ends_with("/api/tags")) return as_reply(models(path));
    return std::nullopt;
  }
  if (path.ends_with("/v2/embed")) return as_reply(cohere_embeddings(body, tokens));
  if (path.ends_with("/api/embed")) return as_reply(ollama_embeddings(body, tokens));
  if (path.ends_with("/embeddings")) return as_reply(openai_embeddings(body, tokens));
  if (path.ends_with(":embedContent")) return as_reply({{"embedding", gemini_embedding(body)}});
  if (path.ends_with(":batchEmbedContents")) return as_reply(gemini_embeddings(body));
  if (path.ends_with("/rerank")) return as_reply(ranking(body, body.contains("top_k")));
  return std::nullopt;
}

}  // namespace dspy::mock
