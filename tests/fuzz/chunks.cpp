// Any text in UTF-8 is cut by every method into chunks that keep the promises of chunk.hpp; other texts are refused.

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/retrieve/documents/chunk.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

void check(std::string_view text, const dspy::ChunkOptions& options) {
  std::vector<bool> covered(text.size());
  for (const auto& chunk : dspy::chunk(text, options)) {
    if (chunk.begin >= chunk.end || chunk.end > text.size()) std::abort();
    const auto piece = chunk.text_in(text);
    if (dspy::text::invalid_utf8(piece)) std::abort();
    std::size_t characters = 0;
    for (const char c : piece) characters += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
    if (characters > 4 * options.tokens) std::abort();
    for (auto i = chunk.begin; i < chunk.end; ++i) covered[i] = true;
  }
  for (std::size_t i = 0; i < text.size(); ++i)
    if (!covered[i] && !is_space(text[i])) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1 || size > 20'000) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const dspy::ChunkOptions limits{.tokens = 1U + data[0] % 16U, .overlap = static_cast<double>(data[0] / 16U) / 16};
  for (const auto method : {dspy::ChunkMethod::recursive, dspy::ChunkMethod::markdown, dspy::ChunkMethod::sentences,
                            dspy::ChunkMethod::fixed}) {
    auto options = limits;
    options.method = method;
    try {
      check(text, options);
    } catch (const dspy::Error&) {
      if (!dspy::text::invalid_utf8(text)) std::abort();
    }
  }
  return 0;
}
