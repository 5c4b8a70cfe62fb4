#include "dspy/providers/remote_embedder.hpp"

#include "dspy/base/concurrent.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "providers/embedding/embedding.hpp"
#include "providers/exchange.hpp"

#include <algorithm>
#include <atomic>
#include <format>
#include <span>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using providers::embedding::Provider;

void require_texts(std::span<const std::string> texts, std::string_view what) {
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto bad = text::invalid_utf8(texts[i]);
    if (!bad && !text::trim(texts[i]).empty()) continue;
    throw Error(Errc::invalid_parameter,
                std::format("{} {} is {}", what, i + 1,
                            bad ? std::format("not UTF-8 at byte {}; convert it first", *bad) : "blank; leave it out"));
  }
}

/// What bounds one request.
Request limits_of(const auto& request) {
  return {.deadline = request.deadline, .stop = request.stop};
}

}  // namespace

struct RemoteEmbedder::Setup {
  RemoteEmbedderOptions options;
  Provider provider;
  providers::Endpoint endpoint;
  std::atomic<std::size_t> dimensions{0};

  static Async<Embeddings> embed(std::shared_ptr<Setup> setup, EmbedRequest request) {
    require_texts(request.texts, "text");
    const auto& options = setup->options;
    const auto role = request.role == EmbedRole::none ? options.role : request.role;
    const auto ends = providers::embedding::batches_of(
        request.texts, options.batch_texts != 0 ? options.batch_texts : setup->provider.most_texts,
        options.batch_tokens != 0 ? options.batch_tokens : setup->provider.most_tokens);
    std::vector<Embeddings> parts(ends.size());
    const auto ask = [&](std::size_t i) -> Async<void> {
      return embed_batch(*setup, request, role, i == 0 ? 0 : ends[i - 1], ends[i], parts[i]);
    };
    co_await run_concurrently(ends.size(), std::max<std::size_t>(options.concurrency, 1), ask);
    Embeddings out;
    out.vectors.reserve(request.texts.size());
    for (auto& part : parts) {
      out.usage += part.usage;
      std::ranges::move(part.vectors, std::back_inserter(out.vectors));
    }
    for (const auto& vector : out.vectors) {
      if (vector.size() == out.vectors[0].size()) continue;
      throw Error(Errc::unavailable,
                  std::format("{} sent vectors of different lengths; try again", setup->provider.dialect->title));
    }
    if (!out.vectors.empty()) setup->dimensions = out.vectors[0].size();
    co_return out;
  }

 private:
  static Async<void> embed_batch(const Setup& setup, const EmbedRequest& request, EmbedRole role, std::size_t begin,
                                 std::size_t end, Embeddings& out) {
    const auto texts = std::span(request.texts).subspan(begin, end - begin);
    const auto wire = providers::embedding::write_texts(setup.provider, setup.options, role, texts);
    const auto limits = limits_of(request);
    const auto body = co_await providers::post(setup.endpoint, wire.path, setup.options.model, wire.body, limits);
    out = providers::embedding::read_vectors(setup.provider, body, texts.size());
  }
};

RemoteEmbedder::RemoteEmbedder(std::string_view provider, RemoteEmbedderOptions options)
    : setup_(std::make_shared<Setup>()) {
  setup_->provider = providers::embedding::embedding_provider(provider);
  setup_->endpoint = providers::embedding::endpoint_of(setup_->provider, options);
  options.api_key = Secret();  // the endpoint has it
  if (options.dimensions && *options.dimensions < 1)
    throw Error(Errc::config_error, std::format("`dimensions` is {}; ask for at least 1", *options.dimensions));
  setup_->dimensions = static_cast<std::size_t>(options.dimensions.value_or(0));
  setup_->options = std::move(options);
}

std::string_view RemoteEmbedder::model() const noexcept {
  return setup_->options.model;
}

std::size_t RemoteEmbedder::dimensions() const noexcept {
  return setup_->dimensions;
}

Async<Embeddings> RemoteEmbedder::embed(EmbedRequest request) {
  return Setup::embed(setup_, std::move(request));
}

struct RemoteReranker::Setup {
  RemoteEmbedderOptions options;
  Provider provider;
  providers::Endpoint endpoint;

  static Async<Ranking> rank(std::shared_ptr<const Setup> setup, RankRequest request) {
    require_texts({&request.query, 1}, "query");
    require_texts(request.documents, "document");
    if (request.documents.empty()) co_return Ranking();
    const auto wire = providers::embedding::write_ranking(setup->provider, setup->options, request);
    const auto limits = limits_of(request);
    const auto body = co_await providers::post(setup->endpoint, wire.path, setup->options.model, wire.body, limits);
    co_return providers::embedding::read_ranking(setup->provider, body, request);
  }
};

RemoteReranker::RemoteReranker(std::string_view provider, RemoteEmbedderOptions options) {
  const auto found = providers::embedding::ranking_provider(provider);
  auto endpoint = providers::embedding::endpoint_of(found, options);
  options.api_key = Secret();  // the endpoint has it
  setup_ = std::make_shared<const Setup>(
      Setup{.options = std::move(options), .provider = found, .endpoint = std::move(endpoint)});
}

std::string_view RemoteReranker::model() const noexcept {
  return setup_->options.model;
}

Async<Ranking> RemoteReranker::rank(RankRequest request) {
  return Setup::rank(setup_, std::move(request));
}

}  // namespace dspy
