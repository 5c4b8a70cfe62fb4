#include "dspy/retrieve/documents/chunk.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "retrieve/documents/cutter.hpp"
#include "retrieve/documents/markdown_blocks.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using documents::Block;
using documents::Cutter;
using documents::Seam;
using documents::Span;

constexpr std::array methods =
    std::to_array<std::string_view>({"automatic", "recursive", "markdown", "sentences", "fixed"});

/// Cuts Markdown section by section.
class MarkdownChunks {
 public:
  MarkdownChunks(std::string_view text, const ChunkOptions& options)
      : cutter_(text, options), cuts_long_fences_(options.cuts_long_fences) {}

  std::vector<Chunk> operator()(std::string_view text) && {
    for (auto& block : documents::markdown_blocks(text)) {
      if (block.kind == Block::Kind::heading) {
        if (has_body_) end_section();
        while (!levels_.empty() && levels_.back() >= block.level) {
          levels_.pop_back();
          headings_.pop_back();
        }
        levels_.push_back(block.level);
        headings_.push_back(block.heading);
      } else {
        has_body_ = true;
      }
      section_.push_back(std::move(block));
    }
    end_section();
    return std::move(out_);
  }

 private:
  void end_section() {
    std::vector<Span> spans, run;
    for (std::size_t i = 0; i < section_.size(); ++i) {
      const auto& block = section_[i];
      if (block.kind == Block::Kind::fence && !cutter_.fits(cutter_.trimmed(block.span))) {
        flush(run, spans);
        long_fence(block.span, spans);
      } else if (!run.empty() && section_[i - 1].kind == Block::Kind::heading) {
        run.back().end = block.span.end;  // a heading stays with what follows it
      } else {
        run.push_back(block.span);
      }
    }
    flush(run, spans);
    for (const auto& span : spans) out_.push_back({.begin = span.begin, .end = span.end, .headings = headings_});
    section_.clear();
    has_body_ = false;
  }

  void flush(std::vector<Span>& run, std::vector<Span>& out) {
    cutter_.pack(run, Seam::blank_lines, out);
    run.clear();
  }

  void long_fence(Span span, std::vector<Span>& out) {
    if (cuts_long_fences_) {
      cutter_.cut(span, Seam::lines, out);
    } else {
      out.push_back(cutter_.trimmed(span));
    }
  }

  Cutter cutter_;
  bool cuts_long_fences_;
  std::vector<Block> section_;
  bool has_body_ = false;
  std::vector<std::size_t> levels_;
  std::vector<std::string> headings_;
  std::vector<Chunk> out_;
};

std::vector<Chunk> chunks_of(std::string_view text, ChunkMethod method, const ChunkOptions& options) {
  if (const auto bad = text::invalid_utf8(text))
    throw Error(Errc::bad_input, std::format("byte {} of the text to cut is not UTF-8", *bad), {.position = *bad});
  if (method == ChunkMethod::markdown) return MarkdownChunks(text, options)(text);
  const Cutter cutter(text, options);
  const Span all{0, text.size()};
  std::vector<Span> spans;
  if (method == ChunkMethod::fixed) {
    cutter.windows(documents::trimmed(text, all), spans);
  } else if (method == ChunkMethod::sentences) {
    cutter.pack(documents::sentences_of(text, all), Seam::words, spans);
  } else {
    cutter.cut(all, Seam::blank_lines, spans);
  }
  std::vector<Chunk> out;
  out.reserve(spans.size());
  for (const auto& span : spans) out.push_back({.begin = span.begin, .end = span.end});
  return out;
}

}  // namespace

std::string_view to_string(ChunkMethod method) noexcept {
  return methods[static_cast<std::size_t>(method)];
}

std::optional<ChunkMethod> chunk_method(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(methods, name);
  if (found == methods.end()) return {};
  return static_cast<ChunkMethod>(found - methods.begin());
}

std::vector<Chunk> chunk(std::string_view text, const ChunkOptions& options) {
  return chunks_of(text, options.method == ChunkMethod::automatic ? ChunkMethod::recursive : options.method, options);
}

std::vector<Chunk> chunk(const TextDocument& document, const ChunkOptions& options) {
  if (options.method != ChunkMethod::automatic) return chunk(document.text, options);
  return chunks_of(document.text, document.is_markdown() ? ChunkMethod::markdown : ChunkMethod::recursive, options);
}

LineIndex::LineIndex(std::string_view text, std::size_t first_line) : first_(first_line) {
  for (auto at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) starts_.push_back(at + 1);
}

std::size_t LineIndex::line_of(std::size_t position) const {
  return first_ + static_cast<std::size_t>(std::ranges::upper_bound(starts_, position) - starts_.begin());
}

}  // namespace dspy
