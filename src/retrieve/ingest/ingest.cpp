#include "dspy/retrieve/ingest/ingest.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/clock.hpp"
#include "dspy/base/concurrent.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieve/ingest/passages.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <format>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using ingestion::FoundFile;
using ingestion::KnownFiles;
using ingestion::Piece;

/// A file that was read and waits for its vectors.
struct Waiting {
  std::string source = {};
  std::vector<Piece> pieces = {};
  std::optional<Error> error = {};
};

/// What a thread for computing makes of a file.
struct ReadFile {
  std::string hash = {};
  std::uintmax_t bytes = 0;
  bool is_unchanged = false;
  std::vector<Piece> pieces = {};
  std::optional<Error> error = {};
};

ReadFile read_file_of(const FoundFile& file, const std::string& root, const std::string& settings,
                      const KnownFiles& known, const IngestOptions& options) {
  ReadFile out;
  try {
    const auto bytes = dspy::read_file(file.path, options.documents.max_bytes);
    out.bytes = bytes.size();
    out.hash = sha256(std::format("{}|{}", settings, sha256(bytes)));
    const auto before = known.find(file.source);
    out.is_unchanged = !options.reads_all && before != known.end() && before->second.is(out.hash);
    if (!out.is_unchanged) out.pieces = ingestion::pieces_of(file, root, out.hash, options);
  } catch (const Error& error) {
    out.error = error;
  }
  return out;
}

/// The fault is in the texts: other files' texts may do.
bool is_of_the_text(const Error& error) {
  return error.code() == Errc::context_too_long || error.code() == Errc::invalid_parameter ||
         error.code() == Errc::tokenization_failed || error.code() == Errc::bad_input || error.code() == Errc::refused;
}

void require_vectors(const Embeddings& found, std::size_t texts, const Embedder& embedder) {
  if (found.vectors.size() != texts)
    throw Error(Errc::inference_failed,
                std::format("{} gave {} vectors for {} texts", embedder.model(), found.vectors.size(), texts));
}

/// One ingestion under way.
class Ingestion {
 public:
  Ingestion(std::shared_ptr<Store> store, IngestOptions options)
      : store_(std::move(store)), options_(std::move(options)) {}

  Async<IngestReport> run(std::filesystem::path folder) {
    const auto found = ingestion::find_files(folder, options_);
    report_.files = total_ = found.files.size();
    report_.ignored = found.ignored;
    co_await require_embedder();
    co_await learn(found.root);
    const auto settings = ingestion::settings_of(options_);
    std::size_t pending = 0;
    for (const auto& file : found.files) {
      require_not_stopped();
      auto read = co_await on_cpu([&] { return read_file_of(file, found.root, settings, known_, options_); });
      report_.bytes += read.bytes;
      seen_.push_back(file.source);
      if (read.error) {
        report_.failures.push_back({.source = file.source, .error = *std::move(read.error)});
      } else if (read.is_unchanged) {
        ++report_.unchanged;
      } else {
        pending += read.pieces.size();
        waiting_.push_back({.source = file.source, .pieces = std::move(read.pieces)});
      }
      ++done_;
      if (pending >= options_.batch * options_.concurrency) {
        co_await flush();
        pending = 0;
      }
      tell();
    }
    co_await flush();
    if (options_.removes_gone) co_await remove_gone();
    tell();
    report_.seconds = seconds();
    co_return std::move(report_);
  }

 private:
  Async<void> require_embedder() {
    const auto info = co_await store_->info();
    if (!options_.embedder || info.embedder.empty()) co_return;
    // As stores name embedders: model and length of vectors.
    const auto ours = std::format("{}|{}", options_.embedder->model(), options_.embedder->dimensions());
    if (info.embedder != ours)
      throw Error(Errc::config_error, std::format("the store's vectors come from `{}`, not from `{}`, and the two "
                                                  "cannot be compared; use the same embedder, or create a new store",
                                                  info.embedder, ours));
  }

  /// What the store has of this folder.
  Async<void> learn(std::string root) {
    // A store of passages that somebody else cut knows no roots, and refuses to compare with what no passage has.
    if (co_await store_->count(Filter::exists("ingest_root")) == 0) co_return;
    const auto of_root = Filter::eq("ingest_root", Json(root));
    std::string cursor;
    do {
      auto page = co_await store_->scan(of_root, cursor);
      for (const auto& passage : page.passages) ingestion::learn(known_, passage);
      cursor = std::move(page.next);
    } while (!cursor.empty());
  }

  /// Embeds and keeps the files that wait.
  Async<void> flush() {
    if (waiting_.empty()) co_return;
    if (options_.embedder) co_await embed_all();
    for (auto& file : waiting_) {
      require_not_stopped();
      if (file.error) {
        report_.failures.push_back({.source = file.source, .error = *std::move(file.error)});
      } else {
        co_await keep(file);
      }
    }
    waiting_.clear();
  }

  Async<void> embed_all() {
    std::vector<Piece*> pieces;
    for (auto& file : waiting_)
      for (auto& piece : file.pieces) pieces.push_back(&piece);
    bool is_of_a_text = false;
    try {
      co_await embed(pieces);
    } catch (const Error& error) {
      if (!is_of_the_text(error)) throw;
      is_of_a_text = true;
    }
    if (!is_of_a_text) co_return;
    for (auto& file : waiting_) {  // which file it is
      std::vector<Piece*> own;
      for (auto& piece : file.pieces)
        if (piece.passage.vector.empty()) own.push_back(&piece);
      try {
        co_await embed(own);
      } catch (const Error& error) {
        if (!is_of_the_text(error)) throw;
        file.error = error;
      }
    }
  }

  Async<void> embed(const std::vector<Piece*>& pieces) {
    const auto batch = options_.batch;
    const auto one = [this, &pieces, batch](std::size_t i) { return embed_batch(pieces, i * batch); };
    co_await run_concurrently((pieces.size() + batch - 1) / batch, options_.concurrency, one);
  }

  Async<void> embed_batch(const std::vector<Piece*>& pieces, std::size_t begin) {
    const auto end = std::min(begin + options_.batch, pieces.size());
    EmbedRequest request{.role = EmbedRole::document, .stop = options_.stop};
    for (auto i = begin; i < end; ++i) request.texts.push_back(pieces[i]->words);
    auto found = co_await options_.embedder->embed(std::move(request));
    require_vectors(found, end - begin, *options_.embedder);
    report_.usage += found.usage;
    for (auto i = begin; i < end; ++i) pieces[i]->passage.vector = std::move(found.vectors[i - begin]);
  }

  /// First what is new, then what is old is removed: whoever searches meanwhile finds the one or the other.
  Async<void> keep(Waiting& file) {
    auto old = std::move(known_[file.source].ids);
    std::vector<Passage> passages;
    for (auto& piece : file.pieces) {
      old.erase(piece.passage.id);
      passages.push_back(std::move(piece.passage));
    }
    const auto count = passages.size();
    co_await store_->upsert(std::move(passages));
    if (!old.empty()) co_await store_->remove({old.begin(), old.end()});
    ++report_.written;
    report_.passages_written += count;
    report_.passages_removed += old.size();
  }

  Async<void> remove_gone() {
    std::ranges::sort(seen_);
    for (const auto& [source, file] : known_) {
      if (std::ranges::binary_search(seen_, source)) continue;
      co_await store_->remove({file.ids.begin(), file.ids.end()});
      ++report_.gone;
      report_.passages_removed += file.ids.size();
    }
  }

  void require_not_stopped() const {
    if (options_.stop.stop_requested())
      throw Error(Errc::cancelled, "the ingestion was stopped; what was written stays, and the next one does the rest");
  }

  void tell() const {
    if (options_.progress)
      options_.progress({.done = done_,
                         .total = total_,
                         .passages = report_.passages_written,
                         .failures = report_.failures.size(),
                         .seconds = seconds()});
  }
  double seconds() const { return std::chrono::duration<double>(Clock::real().now() - start_).count(); }

  std::shared_ptr<Store> store_;
  IngestOptions options_;
  IngestReport report_;
  KnownFiles known_;
  std::vector<Waiting> waiting_;
  std::vector<std::string> seen_;
  std::size_t total_ = 0, done_ = 0;
  Clock::Time start_ = Clock::real().now();
};

}  // namespace

std::string to_line(const IngestProgress& progress) {
  return std::format("{}/{} files · {} passages{} · {:.1f} s", progress.done, progress.total, progress.passages,
                     progress.failures > 0 ? std::format(" · {} failed", progress.failures) : "", progress.seconds);
}

JsonObject to_json(const IngestReport& report) {
  JsonArray failures;
  for (const auto& failure : report.failures) {
    JsonObject row{{"source", failure.source}};
    for (auto& [name, value] : to_json(failure.error)) row[name] = value;
    failures.push_back(std::move(row));
  }
  return {{"files", report.files},
          {"ignored", report.ignored},
          {"unchanged", report.unchanged},
          {"written", report.written},
          {"gone", report.gone},
          {"passages_written", report.passages_written},
          {"passages_removed", report.passages_removed},
          {"bytes", report.bytes},
          {"failures", std::move(failures)},
          {"usage", to_json(report.usage)},
          {"seconds", report.seconds}};
}

Async<IngestReport> aingest(std::shared_ptr<Store> store, std::filesystem::path folder, IngestOptions options) {
  if (!store) throw Error(Errc::config_error, "there is no store to ingest into; open one");
  if (options.batch == 0 || options.concurrency == 0)
    throw Error(Errc::invalid_parameter, "ingestion with batches of 0 texts, or 0 concurrent batches, would never end");
  Ingestion ingestion(std::move(store), std::move(options));
  co_return co_await ingestion.run(std::move(folder));
}

IngestReport ingest(std::shared_ptr<Store> store, std::filesystem::path folder, IngestOptions options) {
  return wait(aingest(std::move(store), std::move(folder), std::move(options)));
}

}  // namespace dspy
