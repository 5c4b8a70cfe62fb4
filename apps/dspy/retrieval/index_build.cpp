#include "command.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/retrieve/documents/chunk.hpp"
#include "dspy/retrieve/embedded/embedded_store.hpp"
#include "dspy/retrieve/embedding_cache.hpp"
#include "dspy/retrieve/ingest/ingest.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieval/index.hpp"
#include "retrieval/passage_lines.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <format>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dspy::app {

std::shared_ptr<Embedder> make_embedder(const IndexFlags& flags) {
  if (flags.embedder.empty()) return {};
  auto made = embedder(flags.embedder);
  if (flags.cache.empty()) return made;
  EmbeddingCacheOptions options;
  if (is_uri(flags.cache)) {
    options.server = flags.cache;
  } else {
    options.file = flags.cache;
  }
  return std::make_shared<CachedEmbedder>(std::move(made), std::move(options));
}

bool is_uri(const std::string& store) {
  const auto colon = store.find(':');
  return colon != std::string::npos && colon > 1 && store.find('/') > colon;
}

namespace {

std::shared_ptr<Store> open_for_building(const IndexFlags& flags, const std::shared_ptr<Embedder>& embedder) {
  EmbeddedOptions options;
  if (!flags.similarity.empty()) {
    options.similarity = similarity(flags.similarity);
    if (!options.similarity)
      throw Error(Errc::bad_input,
                  std::format("there is no similarity `{}`; use cosine, dot or euclidean", flags.similarity));
  }
  if (embedder) options.embedder = embedder_fingerprint(*embedder);
  options.half = flags.half;
  if (is_uri(flags.store)) return open_store(flags.store, options);
  return std::make_shared<EmbeddedStore>(flags.store, options);
}

void embed(Embedder& embedder, std::vector<Passage>& passages) {
  EmbedRequest request{.role = EmbedRole::document};
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < passages.size(); ++i) {
    if (!passages[i].vector.empty() || text::trim(passages[i].text).empty()) continue;
    places.push_back(i);
    request.texts.push_back(passages[i].text);
  }
  if (places.empty()) return;
  auto made = wait(embedder.embed(std::move(request)));
  if (made.vectors.size() != places.size())
    throw Error(Errc::backend_error, std::format("the embedder `{}` gave {} vectors for {} texts", embedder.model(),
                                                 made.vectors.size(), places.size()));
  for (std::size_t i = 0; i < places.size(); ++i) passages[places[i]].vector = std::move(made.vectors[i]);
}

/// Passages that somebody else has cut.
int keep_passages(const IndexFlags& flags, const std::shared_ptr<Store>& store,
                  const std::shared_ptr<Embedder>& embedder) {
  std::size_t count = 0;
  for (const auto& file : flags.files) {
    auto passages = read_passages(file);
    for (std::size_t start = 0; start < passages.size(); start += flags.batch) {
      const auto end = std::min(passages.size(), start + flags.batch);
      std::vector<Passage> some(std::move_iterator(passages.begin() + static_cast<std::ptrdiff_t>(start)),
                                std::move_iterator(passages.begin() + static_cast<std::ptrdiff_t>(end)));
      if (embedder) embed(*embedder, some);
      wait(store->upsert(std::move(some)));
    }
    count += passages.size();
  }
  const auto passages = wait(store->count());
  if (flags.json) {
    print_json({{"passages_written", count}, {"passages", passages}});
  } else {
    print_line(std::format("{} passages written; the index has {}", count, passages));
  }
  return exit_ok;
}

/// How to cut, as the flags say.
ChunkOptions chunk_options(const IndexFlags& flags) {
  const auto method = chunk_method(flags.method);
  if (!method)
    throw Error(
        Errc::bad_input,
        std::format("unknown method `{}`; use automatic, recursive, markdown, sentences or fixed", flags.method));
  return {.method = *method, .tokens = flags.tokens, .overlap = flags.overlap};
}

/// The last line of a terminal, while files are read.
std::function<void(const IngestProgress&)> progress_of(const IndexFlags& flags) {
  if (flags.json || ::isatty(STDERR_FILENO) != 1) return {};
  return [](const IngestProgress& at) {
    std::cerr << "\r\033[K" << to_line(at) << (at.done == at.total ? "\n" : "") << std::flush;
  };
}

/// Files and folders, cut into passages.
int ingest_files(const IndexFlags& flags, const std::shared_ptr<Store>& store,
                 const std::shared_ptr<Embedder>& embedder) {
  const IngestOptions options{
      .chunk = chunk_options(flags), .embedder = embedder, .batch = flags.batch, .progress = progress_of(flags)};
  JsonArray reports;
  bool has_failed = false;
  for (const auto& file : flags.files) {
    const auto report = ingest(store, file, options);
    has_failed = has_failed || !report.failures.empty();
    for (const auto& failure : report.failures)
      std::cerr << std::format("dspy: {} is skipped: {}\n", failure.source, failure.error.what());
    if (flags.json) {
      reports.push_back(dspy::to_json(report));
      continue;
    }
    print_line(std::format("{}: {} files read, {} unchanged, {} gone; {} passages written, {} removed", file,
                           report.written, report.unchanged, report.gone, report.passages_written,
                           report.passages_removed));
  }
  const auto passages = wait(store->count());
  if (flags.json) {
    print_json({{"passages", passages}, {"reports", std::move(reports)}});
  } else {
    print_line(std::format("the index has {} passages", passages));
  }
  return has_failed ? exit_failed : exit_ok;
}

}  // namespace

int run_index_build(const IndexFlags& flags) {
  const auto embedder = make_embedder(flags);
  const auto store = open_for_building(flags, embedder);
  const int code = flags.passages ? keep_passages(flags, store, embedder) : ingest_files(flags, store, embedder);
  if (const auto embedded = std::dynamic_pointer_cast<EmbeddedStore>(store); embedded && flags.compact)
    wait(embedded->compact());
  return code;
}

}  // namespace dspy::app
