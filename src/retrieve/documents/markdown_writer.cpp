#include "retrieve/documents/markdown_writer.hpp"

#include "dspy/base/text.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::documents {
namespace {

/// What begins like a heading or a fence, and is none.
bool looks_like_a_block(std::string_view line) {
  return line.starts_with('#') || line.starts_with("```") || line.starts_with("~~~");
}

/// A cell in one line.
std::string cell_text(std::string_view text) {
  std::string out;
  for (const char c : collapsed(text, false)) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string collapsed(std::string_view text, bool keeps_lines) {
  std::string out;
  bool blank = false;
  for (const char c : text) {
    if (c == '\n' && keeps_lines) {
      if (!out.empty() && out.back() != '\n') out += '\n';
      blank = false;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f') {
      blank = true;
    } else {
      if (blank && !out.empty() && out.back() != '\n') out += ' ';
      blank = false;
      out += c;
    }
  }
  while (out.ends_with('\n')) out.pop_back();
  return out;
}

void MarkdownWriter::begin(bool is_item) {
  if (!out_.empty()) out_ += is_item && last_was_item_ ? "\n" : "\n\n";
  last_was_item_ = is_item;
}

void MarkdownWriter::paragraph(std::string_view text) {
  const auto body = collapsed(text, true);
  if (body.empty()) return;
  begin(false);
  for (std::size_t at = 0; at <= body.size();) {
    const auto end = std::min(body.find('\n', at), body.size());
    const auto line = std::string_view(body).substr(at, end - at);
    if (at > 0) out_ += '\n';
    if (looks_like_a_block(line)) out_ += '\\';
    out_ += line;
    at = end + 1;
  }
}

void MarkdownWriter::heading(std::size_t level, std::string_view text) {
  const auto body = collapsed(text, false);
  if (body.empty()) return;
  begin(false);
  out_ += std::string(std::clamp<std::size_t>(level, 1, 6), '#') + ' ' + body;
}

void MarkdownWriter::item(std::size_t depth, std::string_view marker, std::string_view text) {
  const auto body = collapsed(text, false);
  if (body.empty()) return;
  begin(true);
  out_ += std::string(2 * depth, ' ') + std::string(marker) + ' ' + body;
}

void MarkdownWriter::code(std::string_view text) {
  while (text.starts_with('\n')) text.remove_prefix(1);
  text = text::trim_end(text);
  if (text.empty()) return;
  std::string fence = "```";
  while (text.contains(fence)) fence += '`';
  begin(false);
  out_ += fence + '\n' + std::string(text) + '\n' + fence;
}

void MarkdownWriter::table(const std::vector<std::vector<std::string>>& rows) {
  bool is_first = true;
  for (const auto& row : rows) {
    if (std::ranges::all_of(row, [](const auto& cell) { return text::trim(cell).empty(); })) continue;
    if (is_first) {
      begin(false);
    } else {
      out_ += '\n';
    }
    out_ += '|';
    for (const auto& cell : row) out_ += ' ' + cell_text(cell) + " |";
    if (std::exchange(is_first, false)) {
      out_ += "\n|";
      for (std::size_t i = 0; i < row.size(); ++i) out_ += " --- |";
    }
  }
}

std::string MarkdownWriter::take() {
  if (!out_.empty()) out_ += '\n';
  last_was_item_ = false;
  return std::exchange(out_, {});
}

}  // namespace dspy::documents
