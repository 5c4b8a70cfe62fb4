#include "dspy/retrieve/documents/document.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/text.hpp"
#include "retrieve/documents/readers.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

struct Ending {
  std::string_view ending;
  DocumentFormat format;
};

constexpr std::array endings = std::to_array<Ending>({{".txt", DocumentFormat::text},
                                                      {".text", DocumentFormat::text},
                                                      {".log", DocumentFormat::text},
                                                      {".rst", DocumentFormat::text},
                                                      {".md", DocumentFormat::markdown},
                                                      {".markdown", DocumentFormat::markdown},
                                                      {".html", DocumentFormat::html},
                                                      {".htm", DocumentFormat::html},
                                                      {".xhtml", DocumentFormat::html},
                                                      {".csv", DocumentFormat::csv},
                                                      {".tsv", DocumentFormat::tsv},
                                                      {".tab", DocumentFormat::tsv},
                                                      {".jsonl", DocumentFormat::jsonl},
                                                      {".ndjson", DocumentFormat::jsonl},
                                                      {".docx", DocumentFormat::docx},
                                                      {".pdf", DocumentFormat::pdf}});

constexpr std::array names =
    std::to_array<std::string_view>({"text", "markdown", "html", "csv", "tsv", "jsonl", "docx", "pdf"});

void require_text(std::string_view bytes) {
  if (const auto zero = bytes.find('\0'); zero != std::string_view::npos)
    throw Error(Errc::bad_input, std::format("byte {} is zero, so this is not text but a binary file", zero));
  if (const auto bad = text::invalid_utf8(bytes))
    throw Error(Errc::bad_input, std::format("byte {} is not UTF-8; convert the file, for instance with "
                                             "`iconv -f WINDOWS-1252 -t UTF-8`",
                                             *bad));
}

#ifdef DSPY_WITH_GUMBO
constexpr bool reads_html = true;
#else
constexpr bool reads_html = false;
#endif
#ifdef DSPY_WITH_DOCX
constexpr bool reads_docx = true;
#else
constexpr bool reads_docx = false;
#endif

void require(bool is_built, std::string_view format, std::string_view libraries) {
  if (!is_built)
    throw Error(
        Errc::unsupported,
        std::format("this program was built without readers of {}; install {} and build again", format, libraries),
        {.feature = std::string(format)});
}

std::vector<TextDocument> parse(std::string_view bytes, DocumentFormat format, const DocumentOptions& options) {
  if (format == DocumentFormat::docx) {
    require(reads_docx, "DOCX", "libzip and pugixml");
    if constexpr (reads_docx) return {documents::read_docx(bytes, options)};
  }
  if (format == DocumentFormat::pdf)
    throw Error(Errc::unsupported, "a PDF is read from its file only; give its path to read_documents");
  bytes = text::without_byte_order_mark(bytes);
  require_text(bytes);
  switch (format) {
    case DocumentFormat::html:
      require(reads_html, "HTML", "gumbo");
      if constexpr (reads_html) return {documents::read_html(bytes)};
      break;
    case DocumentFormat::csv: return documents::read_table(bytes, ',', options);
    case DocumentFormat::tsv: return documents::read_table(bytes, '\t', options);
    case DocumentFormat::jsonl: return documents::read_jsonl(bytes, options);
    default: break;
  }
  TextDocument document{.text = std::string(bytes), .first_line = 1};
  if (format == DocumentFormat::markdown) document.title = documents::first_heading(bytes);
  return {std::move(document)};
}

/// Says whose they are, leaves out blank ones, and refuses to find none.
std::vector<TextDocument> finished(std::vector<TextDocument> documents, DocumentFormat format,
                                   const std::string& source) {
  std::erase_if(documents, [](const TextDocument& document) { return text::trim(document.text).empty(); });
  if (documents.empty()) throw Error(Errc::bad_input, "there is no text in it");
  for (auto& document : documents) {
    document.source = source;
    document.format = format;
  }
  return documents;
}

template <class F>
std::vector<TextDocument> naming(const std::string& source, F read) {
  try {
    return read();
  } catch (const Error& error) {
    throw Error(error.code(), std::format("`{}`: {}", source, error.what()), error.info());
  }
}

}  // namespace

std::string_view to_string(DocumentFormat format) noexcept {
  return names[static_cast<std::size_t>(format)];
}

std::optional<DocumentFormat> document_format(const std::filesystem::path& path) {
  const auto ending = text::to_lower(path.extension().string());
  const auto* const found = std::ranges::find(endings, std::string_view(ending), &Ending::ending);
  if (found == endings.end()) return {};
  return found->format;
}

std::vector<TextDocument> read_documents(const std::filesystem::path& path, const DocumentOptions& options) {
  const auto source = path.string();
  const auto format = options.format ? options.format : document_format(path);
  if (!format)
    throw Error(
        Errc::unsupported,
        std::format("the extension of `{}` is not a known format; name the format (DocumentOptions::format)", source),
        {.feature = path.extension().string()});
  if (*format == DocumentFormat::pdf)
    return naming(source, [&] { return finished(documents::read_pdf(path, options), *format, source); });
  return parse_documents(read_file(path, options.max_bytes), *format, source, options);
}

std::vector<TextDocument> parse_documents(std::string_view bytes, DocumentFormat format, std::string source,
                                          const DocumentOptions& options) {
  return naming(source, [&] { return finished(parse(bytes, format, options), format, source); });
}

}  // namespace dspy
