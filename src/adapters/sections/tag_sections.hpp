#pragma once

#include "adapters/sections/searched_sections.hpp"
#include "adapters/sections/tags.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Cuts a reply into sections at its tags.
///
/// - A section reaches from its opening tag to the closing tag that answers it.  Other tags in it
///   are text, and so is what stands in a CDATA section.
/// - Where text is literal, CDATA is what a whole section is, or nothing but text.
/// - If closing tags of its name are left over, the one on a line of its own ends a value of
///   several lines, if there is one such; else the section is ambiguous.
/// - If no such closing tag follows anywhere, the section ends where another output's opens.
/// - Elements of one name that follow each other directly are the items of a list, if the output is
///   one: they are one section.
/// - Else, of two sections of one output the first that has text counts.
/// - An input's element is passed over; once every required output was seen, it ends the reply:
///   the model has gone on to invent the next question.
class TagSections final : public SearchedSections {
 public:
  explicit TagSections(const Tags& tags);

  void append(std::string& out, std::string_view text, std::size_t output, std::size_t from,
              std::size_t to) const override;

  /// The texts of the elements that make up an output's section: one, or the items of a list.
  std::vector<std::string_view> elements(std::string_view text, std::size_t output) const;

 private:
  Seen look_at(std::string_view text, std::size_t at, bool complete) override;
  Verdict read_at(std::string_view text, std::size_t at, bool complete) override;
  std::size_t settled(std::string_view text, std::size_t end) const noexcept override;
  void added(std::string_view text) noexcept override;
  void close_at_end(std::string_view text) override;

  std::size_t find_cdata(std::string_view text, std::size_t at) noexcept;
  Seen comment_at(std::string_view text, std::size_t at, bool complete) noexcept;
  Seen cdata_at(std::string_view text, std::size_t at, bool complete) noexcept;
  Verdict read_tag(std::size_t at, const TagMatch& match, std::string_view text, bool complete);
  Verdict read_inside(std::size_t at, const TagMatch& match, std::string_view text, bool complete);
  Verdict read_close(std::size_t at, const TagMatch& match, std::string_view text, bool complete);
  Verdict read_between(std::size_t at, const TagMatch& match, bool complete);
  Verdict read_end(std::size_t first, std::string_view text);
  bool open(std::size_t at, const TagMatch& match);
  /// Ends the open section, behind whose closing tag `end` is.
  void close(std::size_t end) {
    at_ = end;
    end_ = end;
    sections_[*current_].closed = true;
    current_.reset();
  }

  const Tags& tags_;

  // What looking ahead found.
  std::vector<std::size_t> last_close_;        ///< By output: the position of its last closing tag; 0 if there is none.
  std::vector<std::size_t> last_input_close_;  ///< The same by input.

  /// Parts of an output's element inside another one's text.
  enum class Inside : std::uint8_t { nothing, opened, whole };
  std::vector<Inside> inside_;  ///< By output.

  /// From the closing tag of one item to where the text of the next begins.
  struct Gap {
    std::size_t output = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  std::vector<Gap> gaps_;

  std::size_t no_cdata_end_ = std::string_view::npos;  ///< From here on no CDATA ends,
  std::size_t no_cdata_end_in_ = 0;                    ///< in a text of this size.
  bool has_no_comment_end_ = false;

  std::size_t nested_ = 0;              ///< How many elements of its own name are open in the current section.
  bool has_items_of_its_name_ = false;  ///< The current section is a list whose items are called as the list.

  std::optional<std::size_t> skipped_;  ///< The input whose element is being passed over.
};

}  // namespace dspy
