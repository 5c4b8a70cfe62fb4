#include "dspy/llama/llama_embedder.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "llama/hardware.hpp"
#include "llama/runtime.hpp"
#include "llama/text_reader.hpp"

#include <algorithm>
#include <cmath>
#include <format>
#include <functional>

namespace dspy {
namespace {

using llama::Model;
using llama::Pooling;
using llama::Token;

/// Beyond this a text's attention needs more memory than anyone expects who did not ask for it.
constexpr int longest_unasked = 2048;

void validate(const LlamaReadOptions& options) {
  const auto require = [](bool fine, std::string_view name, int value, std::string_view range) {
    if (!fine) throw Error(Errc::invalid_parameter, std::format("{} is {}; it must be {}", name, value, range));
  };
  require(options.context_length >= 0, "context_length", options.context_length, "at least 1, or 0 for automatic");
  require(options.batch >= 1, "batch", options.batch, "at least 1");
  require(options.sequences >= 1 && options.sequences <= 256, "sequences", options.sequences, "between 1 and 256");
  require(options.queue_limit >= 1, "queue_limit", options.queue_limit, "at least 1");
  require(options.threads >= 0 && options.threads <= 512, "threads", options.threads,
          "between 1 and 512, or 0 for automatic");
}

LlamaReadOptions in_force(LlamaReadOptions options, const Model& model) {
  const int trained = model.context_length() > 0 ? model.context_length() : longest_unasked;
  options.context_length =
      options.context_length > 0 ? std::min(options.context_length, trained) : std::min(longest_unasked, trained);
  options.batch = std::max(options.batch, options.context_length);
  if (options.threads == 0) options.threads = llama::threads_for(model.info().weight_bytes);
  return options;
}

std::shared_ptr<llama::TextReader> reader_of(std::shared_ptr<const Model> model, const LlamaReadOptions& options) {
  return std::make_shared<llama::TextReader>(std::move(model),
                                             llama::TextReaderOptions{.pooling = options.pooling,
                                                                      .context_length = options.context_length,
                                                                      .batch = options.batch,
                                                                      .sequences = options.sequences,
                                                                      .queue_limit = options.queue_limit,
                                                                      .threads = options.threads});
}

std::shared_ptr<const Model> load(std::string_view name_or_path, LlamaReadOptions& options) {
  validate(options);
  if (!options.pool) options.pool = llama::ModelPool::shared();
  return options.pool->load(name_or_path, options.model);
}

void require_text(std::string_view text, const std::string& what) {
  if (const auto position = text::invalid_utf8(text))
    throw Error(Errc::invalid_parameter,
                std::format("{} is not UTF-8 at byte {}; convert the text first", what, *position),
                {.position = position});
}

/// Cuts `tokens` to what fits, or refuses them.  The last token stays if it is one that ends every text.
void fit(std::vector<Token>& tokens, const LlamaReadOptions& options, const Model& model, const std::string& what) {
  const auto most = static_cast<std::size_t>(options.context_length);
  if (tokens.size() <= most) return;
  if (!options.truncate)
    throw Error(Errc::context_too_long,
                std::format("{} has {} tokens and `{}` reads {}; split it, or let it be cut (truncate){}", what,
                            tokens.size(), model.name(), most,
                            options.context_length < model.context_length() ? ", or raise context_length" : ""),
                {.actual = tokens.size(), .max = most, .model = model.name()});
  const auto last = tokens.back();
  tokens.resize(most);
  if (model.handle().token_facts(last).control) tokens.back() = last;
}

void normalize(std::vector<float>& vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * static_cast<double>(value);
  if (squares == 0) return;
  const auto length = std::sqrt(squares);
  for (float& value : vector) value = static_cast<float>(static_cast<double>(value) / length);
}

}  // namespace

// --- embeddings ------------------------------------------------------------------------------------------------------

LlamaEmbedder::LlamaEmbedder(std::string_view name_or_path, LlamaReadOptions options) : options_(std::move(options)) {
  if (options_.pooling == Pooling::rank)
    throw Error(Errc::invalid_parameter, "an embedder cannot pool to a rank; make a LlamaReranker");
  model_ = load(name_or_path, options_);
  const auto own = model_->handle().facts().pooling;
  if (own == Pooling::rank && options_.pooling == Pooling::model)
    throw Error(
        Errc::invalid_parameter,
        std::format("`{}` is a reranker; make a LlamaReranker of it, or ask for another pooling", model_->name()),
        {.model = model_->name()});
  if (!own && options_.pooling == Pooling::model)
    throw Error(Errc::invalid_parameter,
                std::format("`{}` is no embedding model: its file names no pooling; use one that does, or ask for a "
                            "pooling (mean or last)",
                            model_->name()),
                {.model = model_->name()});
  if (options_.pooling == Pooling::model) options_.pooling = *own;
  options_ = in_force(std::move(options_), *model_);
  reader_ = reader_of(model_, options_);
}

std::string_view LlamaEmbedder::model() const noexcept {
  return model_->name();
}

std::size_t LlamaEmbedder::dimensions() const noexcept {
  return static_cast<std::size_t>(model_->handle().facts().embedding_length);
}

Async<Embeddings> LlamaEmbedder::embed(EmbedRequest request) {
  const auto reader = reader_;  // outlives the call even where the embedder does not
  const bool normalizes = options_.normalize;
  llama::Reading work{.texts = {}, .deadline = request.deadline, .stop = std::move(request.stop)};
  Embeddings result{.vectors = {}, .usage = {.requests = 1}};
  for (std::size_t i = 0; i < request.texts.size(); ++i) {
    const auto what = std::format("text {}", i + 1);
    require_text(request.texts[i], what);
    auto tokens = model_->handle().tokenize_whole(request.texts[i]);
    if (tokens.empty())
      throw Error(Errc::invalid_parameter,
                  std::format("{} is empty, so there is nothing to embed; leave it out", what));
    fit(tokens, options_, *model_, what);
    result.usage += {.prompt_tokens = tokens.size()};
    work.texts.push_back(std::move(tokens));
  }
  result.vectors = co_await reader->read(std::move(work));
  if (normalizes) std::ranges::for_each(result.vectors, normalize);
  co_return result;
}

// --- ranking ---------------------------------------------------------------------------------------------------------

namespace {

/// The text of a rerank template between its two places.
struct RerankFrame {
  std::vector<Token> before{}, between{}, after{};
  bool query_first = true;
};

RerankFrame frame_of(const Model& model) {
  const auto& facts = model.handle().facts();
  RerankFrame frame;
  const std::string_view text = facts.rerank_template;
  constexpr std::string_view query = "{query}", document = "{document}";
  const auto query_at = text.find(query), document_at = text.find(document);
  if (query_at != text.npos && document_at != text.npos) {
    frame.query_first = query_at < document_at;
    const auto first = std::min(query_at, document_at), second = std::max(query_at, document_at);
    const auto first_end = first + (frame.query_first ? query : document).size();
    const auto second_end = second + (frame.query_first ? document : query).size();
    frame.before = model.tokenize_with_control(text.substr(0, first));
    frame.between = model.tokenize_with_control(text.substr(first_end, second - first_end));
    frame.after = model.tokenize_with_control(text.substr(second_end));
    return frame;
  }
  // [first] query [end] [separator] document [end], of which each kind of model has some.
  const auto end = facts.eos >= 0 ? facts.eos : facts.sep;
  if (facts.adds_bos && facts.bos >= 0) frame.before.push_back(facts.bos);
  if (facts.adds_eos && end >= 0) frame.between.push_back(end);
  if (facts.adds_sep && facts.sep >= 0) frame.between.push_back(facts.sep);
  if (facts.adds_eos && end >= 0) frame.after.push_back(end);
  return frame;
}

}  // namespace

LlamaReranker::LlamaReranker(std::string_view name_or_path, LlamaReadOptions options) : options_(std::move(options)) {
  if (options_.pooling != Pooling::model)
    throw Error(Errc::invalid_parameter, "a reranker has a pooling of its own; leave `pooling` as it is");
  model_ = load(name_or_path, options_);
  const auto& facts = model_->handle().facts();
  if (facts.pooling != Pooling::rank || facts.rank_outputs.empty())
    throw Error(Errc::invalid_parameter,
                std::format("`{}` is no reranker: it has no classification head (pooling type 4); use one that has, or "
                            "compare embeddings",
                            model_->name()),
                {.model = model_->name()});
  options_.pooling = Pooling::rank;
  options_ = in_force(std::move(options_), *model_);
  reader_ = reader_of(model_, options_);
}

std::string_view LlamaReranker::model() const noexcept {
  return model_->name();
}

Async<Ranking> LlamaReranker::rank(RankRequest request) {
  const auto reader = reader_;
  require_text(request.query, "the query");
  const auto frame = frame_of(*model_);
  const auto query = model_->tokenize(request.query);
  const auto own = frame.before.size() + frame.between.size() + frame.after.size() + query.size();
  const auto most = static_cast<std::size_t>(options_.context_length);
  if (own >= most)
    throw Error(Errc::context_too_long,
                std::format("the query has {} tokens, which leaves no room for a document among the {} that `{}` "
                            "reads; shorten it",
                            query.size(), most, model_->name()),
                {.actual = own, .max = most, .model = model_->name()});
  auto room = options_;
  room.context_length = static_cast<int>(most - own);
  llama::Reading work{.texts = {}, .deadline = request.deadline, .stop = std::move(request.stop)};
  Ranking result{.documents = {}, .usage = {.requests = 1}};
  for (std::size_t i = 0; i < request.documents.size(); ++i) {
    const auto what = std::format("document {}", i + 1);
    require_text(request.documents[i], what);
    auto document = model_->tokenize(request.documents[i]);
    fit(document, room, *model_, what);
    auto tokens = frame.before;
    for (const auto* part :
         {frame.query_first ? &query : &document, &frame.between, frame.query_first ? &document : &query, &frame.after})
      tokens.insert(tokens.end(), part->begin(), part->end());
    if (tokens.empty())
      throw Error(Errc::invalid_parameter, "the query and a document are both empty; there is nothing to rank");
    result.usage += {.prompt_tokens = tokens.size()};
    work.texts.push_back(std::move(tokens));
  }
  const auto top = request.top == 0 ? request.documents.size() : std::min(request.top, request.documents.size());
  const auto scores = co_await reader->read(std::move(work));
  for (std::size_t i = 0; i < scores.size(); ++i)
    result.documents.push_back({.index = i, .score = static_cast<double>(scores[i].front())});
  std::ranges::stable_sort(result.documents, std::greater{}, &Ranked::score);
  result.documents.resize(top);
  co_return result;
}

}  // namespace dspy
