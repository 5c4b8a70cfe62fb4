#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::documents {

/// Writes Markdown block by block, for documents of other formats.
class MarkdownWriter {
 public:
  /// A paragraph; its white space becomes single blanks, line ends of `<br>` and the like (`\n`) stay.
  void paragraph(std::string_view text);
  /// `level` from 1 to 6.
  void heading(std::size_t level, std::string_view text);
  /// `depth` from 0; `marker` such as `-` or `3.`.
  void item(std::size_t depth, std::string_view marker, std::string_view text);
  /// A fenced block, as it is.
  void code(std::string_view text);
  /// The first row is the header.
  void table(const std::vector<std::vector<std::string>>& rows);

  std::string take();

 private:
  void begin(bool is_item);

  std::string out_;
  bool last_was_item_ = false;
};

/// Runs of white space as single blanks, none at the ends; with `keeps_lines`, line ends stay.
std::string collapsed(std::string_view text, bool keeps_lines);

}  // namespace dspy::documents
