#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/usage.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/retrieve/documents/chunk.hpp"
#include "dspy/retrieve/documents/document.hpp"
#include "dspy/retrieve/store.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace dspy {

/// How far an ingestion has come.
struct IngestProgress {
  std::size_t done = 0;  ///< Files that were read, or seen to be unchanged.
  std::size_t total = 0;
  std::size_t passages = 0;  ///< Written so far.
  std::size_t failures = 0;
  double seconds = 0;
};

/// `37/200 files · 812 passages · 1 failed · 4.2 s`, for a terminal's last line.
std::string to_line(const IngestProgress& progress);

struct IngestOptions {
  ChunkOptions chunk = {};
  DocumentOptions documents = {};
  /// Makes the passages' vectors.  Without one, passages are found by their words only.
  std::shared_ptr<Embedder> embedder = {};
  /// A passage is embedded with its headings; its text remains that of the document.
  bool embeds_headings = true;
  /// Endings of the files that are read, such as `.md`; empty: all that a reader is known for.
  std::vector<std::string> endings = {};
  bool removes_gone = true;     ///< Passages of files that are no longer in the folder are removed.
  bool reads_all = false;       ///< Files are read again though they are unchanged.
  std::size_t batch = 64;       ///< Texts of a request to the embedder.
  std::size_t concurrency = 4;  ///< Such requests at once.
  /// Told after each file; calls do not overlap.
  std::function<void(const IngestProgress& progress)> progress = {};
  std::stop_token stop = {};
};

/// A file that could not be ingested; what the store had of it is as it was.
struct IngestFailure {
  std::string source = {};
  Error error;
};

struct IngestReport {
  std::size_t files = 0;    ///< That were found and have a known ending.
  std::size_t ignored = 0;  ///< Files with unknown extensions.
  std::size_t unchanged = 0;
  std::size_t written = 0;  ///< Files that are new or changed.
  std::size_t gone = 0;     ///< Files that the store had and the folder has no more.
  std::size_t passages_written = 0;
  std::size_t passages_removed = 0;
  std::uintmax_t bytes = 0;  ///< Of the files read.
  std::vector<IngestFailure> failures = {};
  Usage usage = {};
  double seconds = 0;
};

JsonObject to_json(const IngestReport& report);

/// Brings a store up to date with a folder (or a single file): reads new and changed files, splits them, embeds and
/// stores the chunks; removes passages of deleted files.  Unchanged files are only hashed.  An unreadable file is
/// reported, and the others are still processed.  It may be stopped or killed at any time: the next call finishes the
/// work.
///
/// Passages get the path as their source (folder and file as given), offsets in the document's text, and as metadata
/// `line` and `last_line` (where the document has lines), `title`, `headings`, `part` (page or record), a table's
/// columns, and what the next call looks at: `ingest_root`, `ingest_hash`, `ingest_count`.  A column under a name that
/// is taken becomes `column_<name>`.
///
/// Throws `Error` (`io_error`) if there is no such folder, (`config_error`) if the store was made with another
/// embedder, (`cancelled`), and what store and embedder throw when they are out of reach.
Async<IngestReport> aingest(std::shared_ptr<Store> store, std::filesystem::path folder, IngestOptions options = {});
IngestReport ingest(std::shared_ptr<Store> store, std::filesystem::path folder, IngestOptions options = {});

}  // namespace dspy
