#include "dspy/llama/llama_embedder.hpp"

#include "dspy/base/error.hpp"
#include "llama/model/runtime.hpp"
#include "llama/text_model.hpp"

#include <algorithm>
#include <cmath>
#include <format>

namespace dspy {
namespace {

using llama::Pooling;
using llama::Token;

void normalize(std::vector<float>& vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * static_cast<double>(value);
  if (squares == 0) return;
  const auto length = std::sqrt(squares);
  for (float& value : vector) value = static_cast<float>(static_cast<double>(value) / length);
}

Async<Embeddings> embed_with(std::shared_ptr<const llama::TextModel> with, EmbedRequest request) {
  const auto& [model, options, reader] = *with;
  llama::Reading work{.texts = {}, .deadline = request.deadline, .stop = std::move(request.stop)};
  Embeddings result{.vectors = {}, .usage = {.requests = 1}};
  for (std::size_t i = 0; i < request.texts.size(); ++i) {
    const auto what = std::format("text {}", i + 1);
    llama::require_text(request.texts[i], what);
    auto tokens = model->handle().tokenize_whole(request.texts[i]);
    const auto is_control = [&](Token token) { return model->handle().token_facts(token).control; };
    if (llama::is_blank(request.texts[i]) || std::ranges::all_of(tokens, is_control))
      throw Error(Errc::invalid_parameter, std::format("{} is blank, so there is nothing to embed; omit it", what));
    llama::fit_text(tokens, static_cast<std::size_t>(options.context_length), options, *model, what);
    result.usage += {.prompt_tokens = tokens.size()};
    work.texts.push_back(std::move(tokens));
  }
  result.vectors = co_await llama::TextReader::read(reader, std::move(work));
  if (options.normalize) std::ranges::for_each(result.vectors, normalize);
  co_return result;
}

}  // namespace

LlamaEmbedder::LlamaEmbedder(std::string_view name_or_path, LlamaReadOptions options) {
  if (options.pooling == Pooling::rank)
    throw Error(Errc::invalid_parameter, "an embedder cannot pool to a rank; make a LlamaReranker");
  auto model = llama::load_for_texts(name_or_path, options);
  const auto refuse = [&](const std::string& why) {
    throw Error(Errc::invalid_parameter, std::format("`{}` {}", model->name(), why), {.model = model->name()});
  };
  const auto& facts = model->handle().facts();
  if (options.pooling == Pooling::model) {
    if (!facts.pooling)
      refuse(
          "is not an embedding model: its file names no pooling; use one that does, or set a pooling (mean or last)");
    if (facts.pooling == Pooling::rank) refuse("is a reranker; make a LlamaReranker of it, or ask for another pooling");
    options.pooling = *facts.pooling;
  }
  if (options.pooling == Pooling::cls && facts.has_decoder && !facts.has_encoder)
    refuse(
        "reads text from left to right, so its first token (pooling cls) carries no information about the rest; use "
        "last or mean");
  model_ = std::make_shared<const llama::TextModel>(std::move(model), std::move(options));
}

std::string_view LlamaEmbedder::model() const noexcept {
  return model_->model->name();
}

std::size_t LlamaEmbedder::dimensions() const noexcept {
  return static_cast<std::size_t>(model_->model->handle().facts().embedding_length);
}

int LlamaEmbedder::context_length() const noexcept {
  return model_->options.context_length;
}

Async<Embeddings> LlamaEmbedder::embed(EmbedRequest request) {
  return embed_with(model_, std::move(request));
}

}  // namespace dspy
