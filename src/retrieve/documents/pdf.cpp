#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/retrieve/documents/document.hpp"
#include "retrieve/documents/process.hpp"
#include "retrieve/documents/readers.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <format>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::documents {

std::vector<TextDocument> read_pdf(const std::filesystem::path& path, const DocumentOptions& options) {
  std::error_code code;
  const auto size = std::filesystem::file_size(path, code);
  if (code) throw Error(Errc::io_error, std::format("cannot be read: {}; check the path", code.message()));
  if (size > options.max_bytes)
    throw Error(Errc::io_error,
                std::format("it has {} bytes, more than {} (DocumentOptions::max_bytes)", size, options.max_bytes));
  // A path that begins with a dash would be an option.
  const auto given = std::filesystem::absolute(path).string();
  const auto time = std::chrono::milliseconds(static_cast<long long>(options.pdf_seconds * 1000));
  const auto result = run_process({options.pdf_program, "-enc", "UTF-8", "-q", given, "-"}, time, options.max_bytes);
  if (!result)
    throw Error(Errc::unsupported,
                std::format("reading a PDF needs `{}` on PATH, and it is not there; install poppler-utils",
                            options.pdf_program),
                {.feature = "pdf"});
  if (result->status != 0)
    throw Error(Errc::bad_input,
                std::format("{} cannot read it: {}", options.pdf_program,
                            result->errors.empty() ? std::format("status {}", result->status) : result->errors));
  if (const auto bad = text::invalid_utf8(result->output))
    throw Error(Errc::bad_input, std::format("{} gave a text that is not UTF-8 at byte {}", options.pdf_program, *bad));
  std::vector<TextDocument> out;
  std::string_view rest = result->output;
  for (std::size_t page = 1; !rest.empty(); ++page) {  // a form feed ends each page
    const auto end = std::min(rest.find('\f'), rest.size());
    out.push_back({.text = std::string(rest.substr(0, end)), .part = page});
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

}  // namespace dspy::documents
