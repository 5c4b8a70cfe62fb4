#pragma once

#include "dspy/retrieve/documents/document.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

// A reader for each kind of document.  What each throws is said at `read_documents`.

namespace dspy::documents {

/// Markdown from a page of HTML: headings, paragraphs, lists, code, quotes and tables; no scripts, styles or
/// navigation.
TextDocument read_html(std::string_view bytes);
/// Markdown from the text of a Word document.
TextDocument read_docx(std::string_view bytes, const DocumentOptions& options);
/// A document for each record.  `delimiter`: a comma or a tab.
std::vector<TextDocument> read_table(std::string_view text, char delimiter, const DocumentOptions& options);
std::vector<TextDocument> read_jsonl(std::string_view text, const DocumentOptions& options);
/// A document for each page, by an external program.
std::vector<TextDocument> read_pdf(const std::filesystem::path& path, const DocumentOptions& options);

/// The text of the first heading of Markdown; empty if there is none.
std::string first_heading(std::string_view markdown);

}  // namespace dspy::documents
