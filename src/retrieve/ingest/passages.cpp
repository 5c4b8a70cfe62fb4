#include "retrieve/ingest/passages.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/text.hpp"
#include "dspy/retrieve/documents/chunk.hpp"
#include "dspy/retrieve/documents/document.hpp"
#include "dspy/retrieve/ingest/ingest.hpp"
#include "dspy/retrieve/passage.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <format>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::ingestion {
namespace {

namespace fs = std::filesystem;

/// Names that columns cannot have: those of passages, and ours.
constexpr auto taken =
    std::to_array<std::string_view>({"id", "text", "vector", "source", "begin", "end", "line", "last_line", "title",
                                     "headings", "part", "ingest_root", "ingest_hash", "ingest_count"});

std::string text_at(const JsonObject& metadata, std::string_view name) {
  const auto* const value = metadata.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : std::string();
}

bool is_hidden(const fs::path& path) {
  return path.filename().string().starts_with('.');
}

bool is_wanted(const fs::path& path, const IngestOptions& options) {
  if (options.endings.empty()) return options.documents.format || document_format(path);
  return std::ranges::any_of(options.endings, [ending = path.extension().string()](const std::string& wanted) {
    return text::equals_ignoring_case(ending, wanted);
  });
}

/// Whether a file is a link that leads out of the folder: what lies elsewhere was not given.  Links within it, as
/// mounted configuration has them, are as good as files.
bool leads_out(const fs::directory_entry& entry, const fs::path& folder) {
  std::error_code code;
  if (!entry.is_symlink(code)) return false;
  const auto target = fs::canonical(entry.path(), code);
  if (code) return true;
  const auto root = fs::canonical(folder, code);
  return code || std::ranges::mismatch(root, target).in1 != root.end();
}

std::string joined(const std::vector<std::string>& headings) {
  std::string out;
  for (const auto& heading : headings) {
    if (heading.empty()) continue;
    if (!out.empty()) out += " > ";
    out += heading;
  }
  return out;
}

JsonObject metadata_of(const TextDocument& document, const std::string& root, const std::string& hash) {
  JsonObject out;
  for (const auto& [name, value] : document.metadata) {
    const std::string_view column = name;
    const bool is_taken = std::ranges::find(taken, column) != taken.end() || column.starts_with('$');
    out[is_taken ? std::format("column_{}", column) : std::string(column)] = value;
  }
  if (!document.title.empty()) out["title"] = document.title;
  if (document.part > 0) out["part"] = document.part;
  out["ingest_root"] = root;
  out["ingest_hash"] = hash;
  return out;
}

void add_pieces(std::vector<Piece>& out, const TextDocument& document, const std::string& source,
                const JsonObject& metadata, const IngestOptions& options) {
  const LineIndex lines(document.text, document.first_line);
  // The lines of a table's record are those of the file only where the record is one.
  const bool has_lines = document.first_line > 0;
  const bool is_record = document.part > 0;
  for (const auto& chunk : dspy::chunk(document, options.chunk)) {
    Piece piece{.passage = {.id = std::format("{}#{}:{}-{}", source, document.part, chunk.begin, chunk.end),
                            .text = std::string(chunk.text_in(document.text)),
                            .metadata = metadata,
                            .source = source,
                            .begin = chunk.begin,
                            .end = chunk.end}};
    const auto headings = joined(chunk.headings);
    if (!headings.empty()) piece.passage.metadata["headings"] = headings;
    if (has_lines) {
      piece.passage.metadata["line"] = is_record ? document.first_line : lines.line_of(chunk.begin);
      piece.passage.metadata["last_line"] = is_record ? document.first_line : lines.line_of(chunk.end - 1);
    }
    const auto& context = headings.empty() ? document.title : headings;
    piece.words = options.embeds_headings && !context.empty() ? std::format("{}\n{}", context, piece.passage.text)
                                                              : piece.passage.text;
    out.push_back(std::move(piece));
  }
}

}  // namespace

void learn(KnownFiles& known, const Passage& passage) {
  auto& file = known[passage.source];
  file.ids.insert(passage.id);
  file.hashes.insert(text_at(passage.metadata, "ingest_hash"));
  if (const auto* const count = passage.metadata.if_contains("ingest_count"); count != nullptr && count->is_number())
    file.count = count->to_number<std::int64_t>();
}

FoundFiles find_files(const fs::path& folder, const IngestOptions& options) {
  const auto given = folder.lexically_normal();
  std::error_code code;
  const auto status = fs::status(given, code);
  if (code || !fs::exists(status))
    throw Error(Errc::io_error, std::format("there is no `{}` to ingest; check the path", folder.string()));
  FoundFiles found{.root = given.generic_string()};
  if (found.root.size() > 1 && found.root.ends_with('/')) found.root.pop_back();
  if (!fs::is_directory(status)) {
    found.files.push_back({.path = given, .source = found.root});
    return found;
  }
  auto each = fs::recursive_directory_iterator(given, fs::directory_options::skip_permission_denied, code);
  for (; !code && each != fs::recursive_directory_iterator(); each.increment(code)) {
    if (is_hidden(each->path())) {
      each.disable_recursion_pending();
    } else if (each->is_regular_file(code)) {
      if (is_wanted(each->path(), options) && leads_out(*each, given)) {
        log(LogLevel::warning, "ingest",
            std::format("`{}` is a link that leads out of the folder and is left out; ingest the file itself",
                        each->path().string()));
        ++found.ignored;
      } else if (is_wanted(each->path(), options)) {
        found.files.push_back({.path = each->path(), .source = each->path().generic_string()});
      } else {
        ++found.ignored;
      }
    }
    code.clear();
  }
  if (code) throw Error(Errc::io_error, std::format("cannot list `{}`: {}", folder.string(), code.message()));
  std::ranges::sort(found.files, {}, &FoundFile::source);
  return found;
}

std::string settings_of(const IngestOptions& options) {
  const auto& chunk = options.chunk;
  // What counts tokens cannot be told; what it says of a few texts can.
  std::string counts;
  if (chunk.count)
    counts = std::format("{}/{}", chunk.count("The quick brown fox"), chunk.count("jumped over it, twice."));
  return std::format(
      "1|{}|{}|{}|{}|{}|{}|{}|{}", to_string(chunk.method), chunk.tokens, chunk.overlap, counts, chunk.cuts_long_fences,
      options.documents.text_field,
      options.embedder ? std::format("{}/{}", options.embedder->model(), options.embedder->dimensions()) : "",
      options.embeds_headings);
}

std::vector<Piece> pieces_of(const FoundFile& file, const std::string& root, const std::string& hash,
                             const IngestOptions& options) {
  std::vector<Piece> out;
  for (const auto& document : read_documents(file.path, options.documents))
    add_pieces(out, document, file.source, metadata_of(document, root, hash), options);
  for (auto& piece : out) piece.passage.metadata["ingest_count"] = out.size();
  return out;
}

}  // namespace dspy::ingestion
