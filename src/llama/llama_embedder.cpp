#include "dspy/llama/llama_embedder.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "llama/model/hardware.hpp"
#include "llama/model/runtime.hpp"
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

/// Tokens that the model puts around each text.
int frame_size(const Model& model) {
  const auto& handle = model.handle();
  const auto is_control = [&](Token token) { return handle.token_facts(token).control; };
  return static_cast<int>(std::ranges::count_if(handle.tokenize_whole("a"), is_control));
}

LlamaReadOptions in_force(LlamaReadOptions options, const Model& model) {
  const int trained = model.context_length() > 0 ? model.context_length() : longest_unasked;
  if (options.context_length == 0) options.context_length = std::min(longest_unasked, trained);
  const auto refuse = [&](const std::string& why) {
    throw Error(Errc::invalid_parameter,
                std::format("context_length is {}, and `{}` {}", options.context_length, model.name(), why),
                {.model = model.name()});
  };
  if (model.context_length() > 0 && options.context_length > trained)
    refuse(std::format("was trained for {} tokens; make it at most {}, or leave it automatic (0)", trained, trained));
  if (const int own = frame_size(model); options.context_length <= own)
    refuse(std::format("puts {} token{} of its own around each text; make it at least {}", own, own == 1 ? "" : "s",
                       own + 1));
  options.batch = std::max(options.batch, options.context_length);
  if (options.threads == 0) options.threads = llama::threads_for(model.info().weight_bytes);
  return options;
}

std::shared_ptr<const Model> load(std::string_view name_or_path, LlamaReadOptions& options) {
  validate(options);
  if (!options.pool) options.pool = llama::ModelPool::shared();
  return options.pool->load(name_or_path, options.model);
}

/// Whether nothing of a text would be read but what Unicode calls white space.
bool is_blank(std::string_view text) {
  constexpr std::string_view blanks[] = {"\u0085", "\u00A0", "\u1680", "\u2028", "\u2029",
                                         "\u202F", "\u205F", "\u3000", "\u200B", "\uFEFF"};
  constexpr std::string_view first_of_quads = "\u2000", last_of_quads = "\u200A";
  for (text = text::trim(text); !text.empty(); text = text::trim(text)) {
    const auto quad = text.substr(0, first_of_quads.size());
    const bool is_quad = quad >= first_of_quads && quad <= last_of_quads;
    const auto found = std::ranges::find_if(blanks, [&](std::string_view blank) { return text.starts_with(blank); });
    if (!is_quad && found == std::ranges::end(blanks)) return false;
    text.remove_prefix(is_quad ? quad.size() : found->size());
  }
  return true;
}

void require_text(std::string_view text, const std::string& what) {
  if (const auto position = text::invalid_utf8(text))
    throw Error(Errc::invalid_parameter,
                std::format("{} is not UTF-8 at byte {}; convert the text first", what, *position),
                {.position = position});
}

/// Cuts `tokens` to `most`, or refuses them.  The last token stays if it is one that ends every text.
void fit(std::vector<Token>& tokens, std::size_t most, const LlamaReadOptions& options, const Model& model,
         const std::string& what) {
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

namespace llama {

/// A model that reads texts, with what calls of it need.
struct TextModel {
  TextModel(std::shared_ptr<const Model> shared, LlamaReadOptions wanted)
      : model(std::move(shared)), options(in_force(std::move(wanted), *model)) {}

  const std::shared_ptr<const Model> model;
  const LlamaReadOptions options;
  const std::shared_ptr<TextReader> reader =
      std::make_shared<TextReader>(model, TextReaderOptions{.pooling = options.pooling,
                                                            .context_length = options.context_length,
                                                            .batch = options.batch,
                                                            .sequences = options.sequences,
                                                            .queue_limit = options.queue_limit,
                                                            .threads = options.threads});
};

}  // namespace llama

// --- embeddings ------------------------------------------------------------------------------------------------------

LlamaEmbedder::LlamaEmbedder(std::string_view name_or_path, LlamaReadOptions options) {
  if (options.pooling == Pooling::rank)
    throw Error(Errc::invalid_parameter, "an embedder cannot pool to a rank; make a LlamaReranker");
  auto model = load(name_or_path, options);
  const auto refuse = [&](const std::string& why) {
    throw Error(Errc::invalid_parameter, std::format("`{}` {}", model->name(), why), {.model = model->name()});
  };
  const auto& facts = model->handle().facts();
  if (options.pooling == Pooling::model) {
    if (!facts.pooling)
      refuse(
          "is not an embedding model: its file names no pooling; use one that does, or ask for a pooling (mean or "
          "last)");
    if (facts.pooling == Pooling::rank) refuse("is a reranker; make a LlamaReranker of it, or ask for another pooling");
    options.pooling = *facts.pooling;
  }
  if (options.pooling == Pooling::cls && facts.has_decoder && !facts.has_encoder)
    refuse(
        "reads a text from left to right, so its first token (pooling cls) says nothing of the rest; use last or "
        "mean");
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

namespace {

Async<Embeddings> embed_with(std::shared_ptr<const llama::TextModel> with, EmbedRequest request) {
  const auto& [model, options, reader] = *with;
  llama::Reading work{.texts = {}, .deadline = request.deadline, .stop = std::move(request.stop)};
  Embeddings result{.vectors = {}, .usage = {.requests = 1}};
  for (std::size_t i = 0; i < request.texts.size(); ++i) {
    const auto what = std::format("text {}", i + 1);
    require_text(request.texts[i], what);
    auto tokens = model->handle().tokenize_whole(request.texts[i]);
    const auto is_control = [&](Token token) { return model->handle().token_facts(token).control; };
    if (is_blank(request.texts[i]) || std::ranges::all_of(tokens, is_control))
      throw Error(Errc::invalid_parameter,
                  std::format("{} is blank, so there is nothing to embed; leave it out", what));
    fit(tokens, static_cast<std::size_t>(options.context_length), options, *model, what);
    result.usage += {.prompt_tokens = tokens.size()};
    work.texts.push_back(std::move(tokens));
  }
  result.vectors = co_await llama::TextReader::read(reader, std::move(work));
  if (options.normalize) std::ranges::for_each(result.vectors, normalize);
  co_return result;
}

}  // namespace

Async<Embeddings> LlamaEmbedder::embed(EmbedRequest request) {
  return embed_with(model_, std::move(request));
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

Async<Ranking> rank_with(std::shared_ptr<const llama::TextModel> with, RankRequest request) {
  const auto& [model, options, reader] = *with;
  require_text(request.query, "the query");
  const auto frame = frame_of(*model);
  const auto query = model->tokenize(request.query);
  if (is_blank(request.query) || query.empty())
    throw Error(Errc::invalid_parameter, "the query is blank, so there is nothing to rank by; ask something");
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
    require_text(request.documents[i], what);
    auto document = model->tokenize(request.documents[i]);
    if (is_blank(request.documents[i]) || document.empty())
      throw Error(Errc::invalid_parameter, std::format("{} is blank, so there is nothing to rank; leave it out", what));
    fit(document, most - own, options, *model, what);
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
    throw Error(Errc::invalid_parameter, "a reranker has a pooling of its own; leave `pooling` as it is");
  auto model = load(name_or_path, options);
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
