#pragma once

#include "dspy/retrieve/ingest/ingest.hpp"
#include "dspy/retrieve/passage.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace dspy::ingestion {

/// What a store has of a file.
struct Known {
  std::set<std::string> ids = {};
  std::set<std::string> hashes = {};
  std::int64_t count = 0;  ///< Passages that the file has by its own account.

  /// All of it is there, and made from these bytes in this way.
  bool is(const std::string& hash) const {
    return hashes.size() == 1 && *hashes.begin() == hash && count == static_cast<std::int64_t>(ids.size());
  }
};
using KnownFiles = std::map<std::string, Known>;

/// What a passage's metadata say of its file.
void learn(KnownFiles& known, const Passage& passage);

struct FoundFile {
  std::filesystem::path path = {};
  std::string source = {};
};

struct FoundFiles {
  std::string root = {};
  std::vector<FoundFile> files = {};  ///< By source.
  std::size_t ignored = 0;
};

/// The files of a folder and its folders, without hidden ones; links to folders are not followed.
FoundFiles find_files(const std::filesystem::path& folder, const IngestOptions& options);

/// What all passages of a folder depend on, beside the bytes of their files.
std::string settings_of(const IngestOptions& options);

/// A passage to be kept, and what is embedded for it.
struct Piece {
  Passage passage = {};
  std::string words = {};
};

/// Reads a file and cuts it.
std::vector<Piece> pieces_of(const FoundFile& file, const std::string& root, const std::string& hash,
                             const IngestOptions& options);

}  // namespace dspy::ingestion
