#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::llama {

/// Whether `pdftoppm` (Debian: poppler-utils) is on PATH.
bool has_pdf_pages();

/// The pages of a PDF as PNG pictures, the long side of each 1,536 pixels.  `what` names it in messages.  Throws
/// `Error`: `unsupported` where `pdftoppm` is not there; `bad_input` where it cannot read the file, or there are more
/// than `most` pages; `timeout` after half a minute; `io_error`.
std::vector<std::string> pdf_pages(std::string_view pdf, const std::string& what, std::size_t most);

}  // namespace dspy::llama
