#include "retrieve/documents/markdown_blocks.hpp"

#include "dspy/base/text.hpp"
#include "retrieve/documents/readers.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::documents {
namespace {

/// Blanks before the first other character, or nothing from four on: such a line is code.
std::optional<std::string_view> unindented(std::string_view line) {
  const auto start = std::min(line.find_first_not_of(' '), line.size());
  if (start > 3) return {};
  return text::trim_end(line.substr(start));
}

struct Heading {
  std::size_t level = 0;
  std::string_view text = {};
};

std::optional<Heading> atx_heading(std::string_view line) {
  const auto body = unindented(line);
  if (!body || !body->starts_with('#')) return {};
  const auto level = std::min(body->find_first_not_of('#'), body->size());
  if (level > 6 || (level < body->size() && (*body)[level] != ' ' && (*body)[level] != '\t')) return {};
  auto words = text::trim(body->substr(level));
  const auto end = words.find_last_not_of('#');
  if (end == std::string_view::npos) {
    words = {};
  } else if (end + 1 < words.size() && (words[end] == ' ' || words[end] == '\t')) {
    words = text::trim_end(words.substr(0, end));
  }
  return Heading{.level = level, .text = words};
}

/// 1 or 2 for a line of `=` or `-` under a heading's text.
std::size_t setext_level(std::string_view line) {
  const auto body = unindented(line);
  if (!body || body->empty() || ((*body)[0] != '=' && (*body)[0] != '-')) return 0;
  if (body->find_first_not_of((*body)[0]) != std::string_view::npos) return 0;
  return (*body)[0] == '=' ? 1 : 2;
}

struct Fence {
  char mark = '`';
  std::size_t length = 0;
};

std::optional<Fence> opening_fence(std::string_view line) {
  const auto body = unindented(line);
  if (!body || body->empty() || ((*body)[0] != '`' && (*body)[0] != '~')) return {};
  const Fence fence{.mark = (*body)[0], .length = std::min(body->find_first_not_of((*body)[0]), body->size())};
  if (fence.length < 3 || (fence.mark == '`' && body->find('`', fence.length) != std::string_view::npos)) return {};
  return fence;
}

bool closes(const Fence& fence, std::string_view line) {
  const auto body = unindented(line);
  return body && body->size() >= fence.length && body->find_first_not_of(fence.mark) == std::string_view::npos;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<Block> blocks() && {
    front_matter();
    while (at_ < text_.size()) line();
    end_block(at_);
    return std::move(blocks_);
  }

 private:
  std::string_view line_at(std::size_t at) const { return text_.substr(at, end_of_line(at) - at); }
  std::size_t end_of_line(std::size_t at) const { return std::min(text_.find('\n', at), text_.size() - 1) + 1; }

  void end_block(std::size_t at) {
    if (begin_ < at) blocks_.push_back({.span = {begin_, at}});
    begin_ = at;
    in_paragraph_ = false;
  }

  void add(std::size_t end, Block::Kind kind, std::size_t level = 0, std::string_view heading = {}) {
    blocks_.push_back({.span = {begin_, end}, .kind = kind, .level = level, .heading = std::string(heading)});
    begin_ = at_ = end;
    in_paragraph_ = false;
  }

  /// Settings between two lines of `---` at the very start.
  void front_matter() {
    if (text::trim_end(line_at(0)) != "---" || text_.empty()) return;
    for (auto at = end_of_line(0); at < text_.size(); at = end_of_line(at)) {
      const auto line = text::trim_end(line_at(at));
      if (line != "---" && line != "...") continue;
      at_ = end_of_line(at);
      end_block(at_);
      return;
    }
  }

  void line() {
    const auto line = line_at(at_);
    const auto end = at_ + line.size();
    if (text::trim(line).empty()) {
      // Blank lines belong to the block before them.
      if (begin_ == at_ && !blocks_.empty()) {
        blocks_.back().span.end = end;
        begin_ = at_ = end;
      } else {
        at_ = end;
        if (in_paragraph_) end_block(at_);
      }
    } else if (const auto fence = opening_fence(line)) {
      end_block(at_);
      fenced(*fence, end);
    } else if (const auto heading = atx_heading(line)) {
      end_block(at_);
      add(end, Block::Kind::heading, heading->level, heading->text);
    } else if (const auto level = in_paragraph_ ? setext_level(line) : 0; level > 0) {
      add(end, Block::Kind::heading, level, text::trim(text_.substr(begin_, at_ - begin_)));
    } else {
      in_paragraph_ = true;
      at_ = end;
    }
  }

  void fenced(const Fence& fence, std::size_t at) {
    while (at < text_.size()) {
      const auto line = line_at(at);
      at += line.size();
      if (closes(fence, line)) break;
    }
    add(at, Block::Kind::fence);
  }

  std::string_view text_;
  std::vector<Block> blocks_;
  std::size_t begin_ = 0;  ///< Of the block that is not ended yet.
  std::size_t at_ = 0;
  bool in_paragraph_ = false;
};

}  // namespace

std::vector<Block> markdown_blocks(std::string_view text) {
  if (text.empty()) return {};
  return Scanner(text).blocks();
}

std::string first_heading(std::string_view markdown) {
  for (auto& block : markdown_blocks(markdown))
    if (block.kind == Block::Kind::heading && !block.heading.empty()) return std::move(block.heading);
  return {};
}

}  // namespace dspy::documents
