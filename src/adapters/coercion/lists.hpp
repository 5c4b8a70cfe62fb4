#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// The items of a list that is written as lines with bullets (`- a`, `* a`, `• a`) or numbers (`1. a`, `1) a`,
/// `[1] a`), or nothing if `text` is not such a list.  Indented lines continue the item before them; nested lists do
/// not count.
std::optional<std::vector<std::string>> split_marked_lines(std::string_view text);

/// The pieces of `text` between line ends, if there are several lines, else between commas.
/// Trimmed, without empty ones.
std::vector<std::string_view> split_pieces(std::string_view text);

/// True if a line begins with a bullet or a number as those of `split_marked_lines` do.
bool has_marked_line(std::string_view text) noexcept;

/// True if there is nothing between two commas of a line, or before the first one.
bool has_empty_piece(std::string_view line) noexcept;

/// True if some commas are between digits (`1,000`) and others are followed by a blank.
bool may_group_digits(std::string_view text) noexcept;

/// True if a piece can only be an item, not a part of a sentence: a few words without punctuation.
bool is_short_item(std::string_view piece) noexcept;

/// True if the piece may hold two items, as `pears and plums` does.
bool joins_items(std::string_view piece) noexcept;

}  // namespace dspy
