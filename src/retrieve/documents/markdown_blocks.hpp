#pragma once

#include "retrieve/documents/cutter.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::documents {

/// A block of Markdown as far as cutting needs to know it (CommonMark 0.31: ATX and setext headings, fenced code).
struct Block {
  enum class Kind { text, heading, fence };

  Span span = {};  ///< With the blank lines after it.
  Kind kind = Kind::text;
  std::size_t level = 0;     ///< Of a heading, from 1.
  std::string heading = {};  ///< Its text.
};

/// The blocks follow each other and cover all of the text.
std::vector<Block> markdown_blocks(std::string_view text);

}  // namespace dspy::documents
