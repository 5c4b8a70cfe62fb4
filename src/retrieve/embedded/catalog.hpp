#pragma once

#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/store.hpp"
#include "dspy/storage/database.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The index's SQLite file: passages, their words and fields, which segments there are, and the vectors that are in none
// yet.  Every change of the index is one transaction of it.

namespace dspy::embedded {

inline constexpr int catalog_version = 1;

storage::DatabaseOptions catalog_options(bool is_read_only);

/// The one row that says how the index stands.
struct State {
  std::int64_t generation = 0;  ///< Of every change.
  std::int64_t layout = 0;      ///< Of changes after which nothing that was read before holds.
  std::int64_t dimensions = 0;
  Similarity similarity = Similarity::cosine;
  std::string embedder = {};
  bool is_half = false;
  std::int64_t passages = 0;
  std::int64_t texts = 0;  ///< Passages with words.
  std::int64_t words = 0;
  std::int64_t next_row = 1;
  std::int64_t next_segment = 1;
  std::int64_t next_block = 1;  ///< Of postings.
};

struct SegmentRecord {
  std::int64_t number = 0;
  std::string name = {};
};

/// A passage's row.
struct StoredPassage {
  std::int64_t row = 0;
  std::int64_t words = 0;
  bool has_vector = false;
  Passage passage = {};  ///< Without its vector.
};

/// A connection with the statements that are run often.  Belongs to one thread at a time.
class Catalog {
 public:
  Catalog(const std::filesystem::path& path, bool is_read_only);

  storage::Database& database() noexcept { return database_; }
  /// A statement that is prepared once; reset when it is handed out.
  storage::Statement& statement(std::string_view sql);

  State state();
  void set_state(const State& state);
  std::vector<SegmentRecord> segments();
  std::map<std::string, std::int64_t> fields();

  std::optional<std::int64_t> row_of(std::string_view id);
  /// Throws `Error` (`io_error`) if it was changed by somebody else than us.
  std::optional<StoredPassage> passage(std::int64_t row);
  void insert(const StoredPassage& stored);

 private:
  storage::Database database_;
  std::map<std::string, storage::Statement, std::less<>> statements_;
};

/// A passage of the row that a statement of `passage_columns` stands at.
inline constexpr std::string_view passage_columns =
    "row, words, has_vector, id, source, begins, ends, metadata, text, checksum";
StoredPassage read_passage(const storage::Statement& row);

/// Of a vector that is in no segment.
std::int64_t vector_checksum(std::int64_t row, std::string_view bytes);

}  // namespace dspy::embedded
