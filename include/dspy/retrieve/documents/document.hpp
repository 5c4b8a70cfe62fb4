#pragma once

#include "dspy/base/json.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

enum class DocumentFormat { text, markdown, html, csv, tsv, jsonl, docx, pdf };

std::string_view to_string(DocumentFormat format) noexcept;
/// By the ending of the file's name (`.txt`, `.md`, `.html`, `.csv`, `.tsv`, `.jsonl`, `.docx`, `.pdf` and their like);
/// nothing for an ending that is not known.
std::optional<DocumentFormat> document_format(const std::filesystem::path& path);

/// A text to be cut into passages: a whole file, a record of a table or a page of a PDF.
struct TextDocument {
  std::string source = {};  ///< Where it is from: a path or a URL.
  DocumentFormat format = DocumentFormat::text;
  /// Plain text or Markdown in UTF-8.  HTML and DOCX become Markdown (headings, lists, code, tables), so their chunks
  /// know their headings.
  std::string text = {};
  /// The document's own title, or its first heading; empty where it has neither.
  std::string title = {};
  /// The page of a PDF or the record of a table, from 1; 0: the document is the whole file.
  std::size_t part = 0;
  /// The line of the file on which `text` begins, from 1; 0 where the file's lines are not those of `text`.
  std::size_t first_line = 0;
  /// A table's other columns.
  JsonObject metadata = {};

  /// `text` is Markdown.
  bool is_markdown() const noexcept {
    return format == DocumentFormat::markdown || format == DocumentFormat::html || format == DocumentFormat::docx;
  }
};

struct DocumentOptions {
  /// Unset: by the file's name.
  std::optional<DocumentFormat> format = {};
  std::uintmax_t max_bytes = std::uintmax_t{256} * 1024 * 1024;  ///< Of the file; of a DOCX, unpacked as well.
  /// The column or member of CSV, TSV and JSONL that is the text; the others become metadata.  Empty: `text` if there
  /// is one, otherwise every member becomes a line `name: value` of the text.
  std::string text_field = {};
  std::string pdf_program = "pdftotext";  ///< Of poppler, found on PATH.
  double pdf_seconds = 60;                ///< Time that it may take.
};

/// Reads a file.  Blank records and pages are left out.  Throws `Error`: `io_error` for a file that cannot be read or
/// is too large; `bad_input` for one that is damaged, binary or not UTF-8, has no text, or holds a record that is none,
/// whose line is named; `unsupported` for an unknown ending, and for PDF where poppler is not installed.
std::vector<TextDocument> read_documents(const std::filesystem::path& path, const DocumentOptions& options = {});

/// The same for bytes that are there already; `source` names them in messages.  PDF cannot be read from bytes.
std::vector<TextDocument> parse_documents(std::string_view bytes, DocumentFormat format, std::string source,
                                          const DocumentOptions& options = {});

}  // namespace dspy
