// LlamaReranker: the template around a query and a document, and the scores that come back.
#include "dspy/base/error.hpp"
#include "dspy/llama/llama_embedder.hpp"
#include "llama/model/runtime.hpp"
#include "llama/text_model.hpp"

#include <algorithm>
#include <format>
#include <functional>

namespace dspy {
namespace {

using llama::Model;
using llama::Pooling;
using llama::Token;

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

Async<Ranking> rank_with(std::shared_ptr<const llama::TextModel> with, RankRequest request) {
  const auto& [model, options, reader] = *with;
  llama::require_text(request.query, "the query");
  const auto frame = frame_of(*model);
  const auto query = model->tokenize(request.query);
  if (llama::is_blank(request.query) || query.empty())
    throw Error(Errc::invalid_parameter, "the query is blank, so there is nothing to rank by; give a query");
  const auto own = frame.before.size() + frame.between.size() + frame.after.size() + query.size();
  const auto most = static_cast<std::size_t>(options.context_length);
  if (own >= most)
    throw Error(Errc::context_too_long,
                std::format("the query has {} tokens, which leaves no room for a document among the {} that `{}` "
                            "reads; shorten it",
                            query.size(), most, model->name()),
                {.actual = own, .max = most, .model = model->name()});
  llama::Reading work{.texts = {}, .deadline = request.deadline, .stop = std::move(request.stop)};
  Ranking result{.documents = {}, .usage = {.requests = 1}};
  for (std::size_t i = 0; i < request.documents.size(); ++i) {
    const auto what = std::format("document {}", i + 1);
    llama::require_text(request.documents[i], what);
    auto document = model->tokenize(request.documents[i]);
    if (llama::is_blank(request.documents[i]) || document.empty())
      throw Error(Errc::invalid_parameter, std::format("{} is blank, so there is nothing to rank; omit it", what));
    llama::fit_text(document, most - own, options, *model, what);
    auto tokens = frame.before;
    for (const auto* part :
         {frame.query_first ? &query : &document, &frame.between, frame.query_first ? &document : &query, &frame.after})
      tokens.insert(tokens.end(), part->begin(), part->end());
    result.usage += {.prompt_tokens = tokens.size()};
    work.texts.push_back(std::move(tokens));
  }
  const auto top = request.top == 0 ? request.documents.size() : std::min(request.top, request.documents.size());
  const auto scores = co_await llama::TextReader::read(reader, std::move(work));
  for (std::size_t i = 0; i < scores.size(); ++i)
    result.documents.push_back({.index = i, .score = static_cast<double>(scores[i].front())});
  std::ranges::stable_sort(result.documents, std::greater{}, &Ranked::score);
  result.documents.resize(top);
  co_return result;
}

}  // namespace

LlamaReranker::LlamaReranker(std::string_view name_or_path, LlamaReadOptions options) {
  if (options.pooling != Pooling::model)
    throw Error(Errc::invalid_parameter, "a reranker has its own pooling; do not set `pooling`");
  auto model = llama::load_for_texts(name_or_path, options);
  const auto& facts = model->handle().facts();
  if (facts.pooling != Pooling::rank || facts.rank_outputs.empty())
    throw Error(
        Errc::invalid_parameter,
        std::format("`{}` is not a reranker: it has no classification head (pooling type 4); use one that has, or "
                    "compare embeddings",
                    model->name()),
        {.model = model->name()});
  options.pooling = Pooling::rank;
  model_ = std::make_shared<const llama::TextModel>(std::move(model), std::move(options));
}

std::string_view LlamaReranker::model() const noexcept {
  return model_->model->name();
}

Async<Ranking> LlamaReranker::rank(RankRequest request) {
  return rank_with(model_, std::move(request));
}

}  // namespace dspy
