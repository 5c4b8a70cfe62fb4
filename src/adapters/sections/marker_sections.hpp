#pragma once

#include "adapters/sections/markers.hpp"
#include "adapters/sections/searched_sections.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Cuts a reply into sections at its markers.
///
/// - A marker at the start of a line, behind decoration at most, ends a section, and begins that of
///   its output.  Of two sections of one output the first that has text counts.
/// - A marker inside a line counts if its output has none at the start of a line, and if the
///   section before it began on the same line, the sentence before it has ended, or nothing
///   follows it on its line.  Else it is talk about markers.
/// - A marker in a closed code fence that began within the section is text, if it is not an output's,
///   or one of the same output follows at the start of a line.
/// - The marker that ends a reply ends it once every required output was seen, and so does an
///   input's: the model has gone on to invent the next question.
class MarkerSections final : public SearchedSections {
 public:
  explicit MarkerSections(const Markers& markers);

  void append(std::string& out, std::string_view text, std::size_t output, std::size_t from,
              std::size_t to) const override;

 private:
  /// A marker with what belongs to it.
  struct Mark {
    MarkerMatch match = {};
    std::size_t at = 0;        ///< Its first bracket.
    std::size_t begin = 0;     ///< Where the decoration before it begins.
    std::size_t end = 0;       ///< The byte after the decoration behind it.
    std::size_t emphasis = 0;  ///< Opened before it and not closed behind it.
    bool decorated = false;
    bool starts_line = false;
  };
  enum class Meaning { text, mark, unknown };

  Seen look_at(std::string_view text, std::size_t at, bool complete) override;
  Verdict read_at(std::string_view text, std::size_t at, bool complete) override;
  std::size_t settled(std::string_view text, std::size_t end) const noexcept override;
  void added(std::string_view text) noexcept override;
  void close_at_end(std::string_view text) override;
  Mark surroundings(std::string_view text, std::size_t at, const MarkerMatch& match) const;
  std::size_t size_of_rest(std::string_view rest, const Mark& mark) const;
  static bool may_be_rest(std::string_view line) noexcept;
  Meaning judge(std::string_view text, const Mark& mark, bool complete) const noexcept;
  bool is_fenced(std::string_view text, const Mark& mark) noexcept;
  bool take(std::string_view text, const Mark& mark);
  void open(const Mark& mark);
  std::optional<std::size_t> find_cut_marker(std::string_view text, std::size_t from) const noexcept;
  bool is_anchored(const MarkerMatch& match) const noexcept;

  const Markers& markers_;

  // What looking ahead found: the markers that start lines.
  std::vector<bool> anchored_;             ///< By output; the last is the marker that ends a reply.
  std::vector<std::size_t> last_anchors_;  ///< The same: the position of the last one.
  std::size_t last_anchor_ = 0;            ///< The position of the last such marker of an output.

  // The code fences of the open section.
  std::size_t fence_ = 0;         ///< Ticks of the open one, or 0.
  std::size_t fence_end_ = 0;     ///< Where the line begins that closes it; far beyond the text if none does.
  std::size_t fences_known_ = 0;  ///< How far the section was searched for them.

  bool one_line_ = true;    ///< The open section has no line end yet.
  bool completed_ = false;  ///< The marker that ends a reply was seen.
};

}  // namespace dspy
