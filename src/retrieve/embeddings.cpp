#include "dspy/retrieve/embeddings.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/retrieve/embedding_cache.hpp"
#include "retrieve/embedded/segment.hpp"
#include "retrieve/embedded/segment_writer.hpp"
#include "retrieve/embedded/snapshot.hpp"
#include "retrieve/embedded/vector_search.hpp"
#include "retrieve/unit_length.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::retrievers {

struct Embeddings::Index {
  EmbeddingsOptions options;
  std::vector<std::string> corpus;
  std::shared_ptr<Embedder> embedder;
  std::string fingerprint;
  std::vector<std::byte> bytes = {};
  embedded::Snapshot snapshot = {};

  Index(EmbeddingsOptions how, std::vector<std::string> texts, std::shared_ptr<Embedder> by)
      : options(how), corpus(std::move(texts)), embedder(std::move(by)) {
    if (!embedder) throw Error(Errc::config_error, "a corpus is embedded by an embedder; give one");
    if (options.k == 0 || corpus.empty() || options.batch_size == 0)
      throw Error(Errc::invalid_parameter, std::format("{} passages of a corpus of {} texts cannot be found; both, and "
                                                       "`batch_size`, must be 1 or more",
                                                       options.k, corpus.size()));
    fingerprint = embedder_fingerprint(*embedder);
  }

  void open(std::vector<std::byte> segment) {
    bytes = std::move(segment);
    snapshot.segments = {{std::make_shared<const embedded::Segment>(bytes, "corpus.vec")}};
    const auto& opened = *snapshot.segments.front().segment;
    if (const auto& damage = opened.damage()) throw Error(Errc::io_error, *damage);
    snapshot.state.dimensions = static_cast<std::int64_t>(opened.dimensions());
    snapshot.state.similarity = opened.similarity();
  }

  Prediction find(std::vector<float> query) const {
    const auto size = static_cast<std::size_t>(snapshot.state.dimensions);
    if (query.size() != size)
      throw Error(Errc::backend_error,
                  std::format("the embedder gave vectors of {} and of {} numbers; use one model", size, query.size()));
    if (options.normalize) to_unit_length(query);
    JsonArray passages, indices, scores;
    const embedded::VectorQuery wish{.vector = query, .k = options.k};
    for (const auto& found : embedded::search_vectors(snapshot, wish, {}, [](const std::string&) {})) {
      passages.emplace_back(corpus[found.row]);
      indices.emplace_back(found.row);
      scores.emplace_back(found.likeness);
    }
    Prediction out;
    out.data = {{"passages", std::move(passages)}, {"indices", std::move(indices)}, {"scores", std::move(scores)}};
    return out;
  }
};

namespace {

std::vector<std::byte> segment_of(const EmbeddingsOptions& options, std::vector<std::vector<float>> vectors) {
  embedded::SegmentContent content{.dimensions = vectors.front().size(), .similarity = Similarity::dot};
  content.has_graph = vectors.size() >= options.brute_force_threshold;
  for (auto& vector : vectors) {
    if (vector.size() != content.dimensions || vector.empty())
      throw Error(Errc::backend_error, std::format("the embedder gave vectors of {} and of {} numbers; use one model",
                                                   content.dimensions, vector.size()));
    if (options.normalize) to_unit_length(vector);
    content.rows.push_back(content.rows.size());
    content.vectors.insert(content.vectors.end(), vector.begin(), vector.end());
  }
  return embedded::segment_bytes(content);
}

}  // namespace

Embeddings::Embeddings(std::vector<std::string> corpus, std::shared_ptr<Embedder> embedder, EmbeddingsOptions options)
    : Embeddings(wait(make(std::move(corpus), std::move(embedder), options))) {}

Async<Embeddings> Embeddings::make(std::vector<std::string> corpus, std::shared_ptr<Embedder> embedder,
                                   EmbeddingsOptions options) {
  auto index = std::make_shared<Index>(options, std::move(corpus), std::move(embedder));
  std::vector<std::vector<float>> vectors;
  for (std::size_t start = 0; start < index->corpus.size(); start += options.batch_size) {
    EmbedRequest request{.role = EmbedRole::document};
    for (auto i = start; i < std::min(index->corpus.size(), start + options.batch_size); ++i)
      request.texts.push_back(index->corpus[i]);
    const auto wanted = request.texts.size();
    auto made = co_await index->embedder->embed(std::move(request));
    if (made.vectors.size() != wanted)
      throw Error(Errc::backend_error,
                  std::format("the embedder gave {} vectors for {} texts", made.vectors.size(), wanted));
    std::ranges::move(made.vectors, std::back_inserter(vectors));
  }
  index->open(co_await on_cpu([options, all = std::move(vectors)] { return segment_of(options, all); }));
  co_return Embeddings(std::move(index));
}

Async<Prediction> Embeddings::run(std::string query, Run how) const {
  return [](std::shared_ptr<const Index> index, std::string text, CallOptions call) -> Async<Prediction> {
    EmbedRequest request{
        .texts = {std::move(text)}, .role = EmbedRole::query, .deadline = call.deadline, .stop = std::move(call.stop)};
    auto made = co_await index->embedder->embed(std::move(request));
    if (made.vectors.size() != 1) throw Error(Errc::backend_error, "the embedder gave no vector for a text");
    co_return index->find(std::move(made.vectors.front()));
  }(index_, std::move(query), std::move(how.options));
}

void Embeddings::save(const std::filesystem::path& folder) const {
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  JsonArray corpus;
  for (const auto& text : index_->corpus) corpus.emplace_back(text);
  const JsonObject about = {{"format", 1},
                            {"embedder", index_->fingerprint},
                            {"k", index_->options.k},
                            {"normalize", index_->options.normalize},
                            {"brute_force_threshold", index_->options.brute_force_threshold},
                            {"corpus", std::move(corpus)}};
  replace_file(folder / "corpus.vec", {reinterpret_cast<const char*>(index_->bytes.data()), index_->bytes.size()});
  replace_file(folder / "corpus.json", to_text(Json(about)));
}

Embeddings Embeddings::load(const std::filesystem::path& folder, std::shared_ptr<Embedder> embedder) {
  constexpr auto any_size = std::numeric_limits<std::uintmax_t>::max();
  const auto path = folder / "corpus.json";
  const auto fail = [&](const char* why) -> Error {
    return {Errc::io_error, std::format("`{}` {}", path.string(), why)};
  };
  const auto json = parse_json(read_text(path, any_size));
  const auto* const about = json ? json->if_object() : nullptr;
  if (about == nullptr) throw fail("is not a JSON object");
  const auto* const format = about->if_contains("format");
  const auto* const corpus = about->if_contains("corpus");
  const auto* const by = about->if_contains("embedder");
  const auto* const k = about->if_contains("k");
  const auto* const normalize = about->if_contains("normalize");
  if (format == nullptr || *format != 1) throw fail("has another format than this version reads (1)");
  if (corpus == nullptr || !corpus->is_array() || by == nullptr || !by->is_string() || k == nullptr || !k->is_int64() ||
      k->get_int64() < 1 || normalize == nullptr || !normalize->is_bool())
    throw fail("lacks `corpus`, `embedder`, `k` or `normalize`");
  std::vector<std::string> texts;
  for (const auto& text : corpus->get_array()) {
    if (!text.is_string()) throw fail("has a corpus that is not a list of texts");
    texts.emplace_back(view(text.get_string()));
  }
  const EmbeddingsOptions options{.k = static_cast<std::size_t>(k->get_int64()), .normalize = normalize->get_bool()};
  auto index = std::make_shared<Index>(options, std::move(texts), std::move(embedder));
  if (index->fingerprint != view(by->get_string()))
    throw Error(Errc::config_error, std::format("the corpus in `{}` was embedded by `{}`, not by `{}`; use that one",
                                                folder.string(), view(by->get_string()), index->fingerprint));
  const auto bytes = read_file(folder / "corpus.vec", any_size);
  const auto* const start = reinterpret_cast<const std::byte*>(bytes.data());
  index->open({start, start + bytes.size()});
  if (index->snapshot.segments.front().segment->size() != index->corpus.size())
    throw fail("belongs to another file of vectors");
  return Embeddings(std::move(index));
}

}  // namespace dspy::retrievers
