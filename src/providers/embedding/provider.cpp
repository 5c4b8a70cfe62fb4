// Sources, as of November 2026: the providers' API references; for compatible servers those of vLLM and llama.cpp.

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "providers/embedding/embedding.hpp"

#include <algorithm>
#include <array>
#include <format>

namespace dspy::providers::embedding {
namespace {

using Protocol = Provider::Protocol;

constexpr Dialect voyage = {.name = "voyage",
                            .title = "Voyage",
                            .base_url = "https://api.voyageai.com/v1",
                            .base_url_variables = {"VOYAGE_API_BASE"},
                            .key_variables = {"VOYAGE_API_KEY"}};
constexpr Dialect cohere = {.name = "cohere",
                            .title = "Cohere",
                            .base_url = "https://api.cohere.com",
                            .base_url_variables = {"COHERE_API_BASE", "CO_API_URL"},
                            .key_variables = {"COHERE_API_KEY", "CO_API_KEY"}};
constexpr Dialect jina = {.name = "jina",
                          .title = "Jina",
                          .base_url = "https://api.jina.ai/v1",
                          .base_url_variables = {"JINA_API_BASE"},
                          .key_variables = {"JINA_API_KEY", "JINA_AI_API_KEY"}};

struct Row {
  std::string_view word;
  const Dialect* own;  ///< Null: the model provider's of that name.
  Protocol protocol;
  std::size_t most_texts;
  std::size_t most_tokens;
  bool embeds;
  bool ranks;
};

constexpr auto rows = std::to_array<Row>({
    {"openai", nullptr, Protocol::openai, 2048, 250'000, true, false},
    {"azure", nullptr, Protocol::openai, 2048, 250'000, true, false},
    {"gemini", nullptr, Protocol::gemini, 100, 0, true, false},
    {"ollama", nullptr, Protocol::ollama, 256, 0, true, false},
    {"voyage", &voyage, Protocol::voyage, 1000, 100'000, true, true},
    {"cohere", &cohere, Protocol::cohere, 96, 0, true, true},
    {"jina", &jina, Protocol::jina, 512, 0, true, true},
    {"jina_ai", &jina, Protocol::jina, 512, 0, true, true},
    {"mistral", nullptr, Protocol::openai, 512, 16'000, true, false},
    {"together", nullptr, Protocol::openai, 256, 0, true, true},
    {"together_ai", nullptr, Protocol::openai, 256, 0, true, true},
    {"fireworks", nullptr, Protocol::openai, 256, 0, true, false},
    {"fireworks_ai", nullptr, Protocol::openai, 256, 0, true, false},
    {"vllm", nullptr, Protocol::openai, 256, 0, true, true},
    {"hosted_vllm", nullptr, Protocol::openai, 256, 0, true, true},
    {"sglang", nullptr, Protocol::openai, 256, 0, true, false},
    {"llama_server", nullptr, Protocol::openai, 64, 0, true, true},
    {"lm_studio", nullptr, Protocol::openai, 64, 0, true, false},
    {"compatible", nullptr, Protocol::openai, 64, 0, true, true},
});

std::vector<std::string> words_of(bool Row::* able) {
  std::vector<std::string> out;
  for (const auto& row : rows)
    if (row.*able) out.emplace_back(row.word);
  return out;
}

Provider find(std::string_view word, bool Row::* able, std::string_view what) {
  const auto known = words_of(able);
  const auto* const row = std::ranges::find_if(
      rows, [&](const Row& each) { return each.*able && text::equals_ignoring_case(each.word, word); });
  if (row != rows.end()) {
    return {.dialect = row->own != nullptr ? row->own : find_dialect(row->word),
            .protocol = row->protocol,
            .most_texts = row->most_texts,
            .most_tokens = row->most_tokens,
            .embeds = row->embeds,
            .ranks = row->ranks};
  }
  const auto near = text::nearest(word, known);
  throw Error(Errc::config_error, std::format("`{}` is not a provider that {}; {}", word, what,
                                              near ? std::format("did you mean `{}`?", *near)
                                                   : std::format("there is {}", text::enumerate(known, "`", "and"))));
}

}  // namespace

std::vector<std::string> embedding_words() {
  return words_of(&Row::embeds);
}

std::vector<std::string> ranking_words() {
  return words_of(&Row::ranks);
}

Provider embedding_provider(std::string_view word) {
  return find(word, &Row::embeds, "embeds texts");
}

Provider ranking_provider(std::string_view word) {
  return find(word, &Row::ranks, "ranks documents");
}

Endpoint endpoint_of(const Provider& provider, const RemoteEmbedderOptions& options) {
  if (options.model.empty())
    throw Error(Errc::config_error, std::format("which model of {}? Name it by `model`", provider.dialect->title));
  return make_endpoint(*provider.dialect, {.model = options.model,
                                           .base_url = options.base_url,
                                           .api_key = options.api_key,
                                           .api_key_env = options.api_key_env,
                                           .headers = options.headers,
                                           .allow_plain_http = options.allow_plain_http,
                                           .timeouts = options.timeouts,
                                           .transport = options.transport});
}

std::vector<std::size_t> batches_of(std::span<const std::string> texts, std::size_t most_texts,
                                    std::size_t most_tokens) {
  std::vector<std::size_t> ends;
  std::size_t begin = 0;
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto own = texts[i].size() / 3 + 1;
    const bool full = (most_texts != 0 && i - begin >= most_texts) || (most_tokens != 0 && tokens + own > most_tokens);
    if (full && i != begin) {
      ends.push_back(i);
      begin = i;
      tokens = 0;
    }
    tokens += own;
  }
  if (begin != texts.size()) ends.push_back(texts.size());
  return ends;
}

}  // namespace dspy::providers::embedding
