#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// The position of one output's value in a reply.
struct Section {
  std::size_t begin = 0;  ///< The byte after the mark that opened it.
  std::size_t end = 0;    ///< Grows while the value is read.
  bool found = false;
  bool closed = false;  ///< A mark of its own ended it.
  bool has_text = false;
  bool is_empty_tag = false;   ///< A tag that opens and closes is all there is.
  bool is_ambiguous = false;   ///< Its end occurs in several places.
  bool has_inner_end = false;  ///< It contains a section's end as text.
  bool has_escapes = false;    ///< Backslashes in it are to be taken away.
  bool repeated = false;       ///< Its mark came again.
  std::size_t again = 0;       ///< The byte after the first mark that came again and opened no section; 0 if none did.
  bool spelled_as_is = true;
  bool decorated = false;
  bool inside_line = false;  ///< Another section's text precedes its mark on the line.
  std::size_t emphasis = 0;  ///< Characters of emphasis that were opened before the mark and not closed after it.
};

/// Cuts a reply into the sections of its outputs, at the marks of one form (labelled lines,
/// markers).  The one place that knows where a value begins and ends: reading a whole reply and
/// following a growing one both go through `step`.
class Sections {
 public:
  /// What is to be said of the reply as a whole.
  struct Facts {
    bool ran_on = false;          ///< Another question followed the outputs.
    bool fenced = false;          ///< The sections are in a code fence.
    bool unclosed_fence = false;  ///< Marks were found behind a fence that nothing closed.
    bool extra_section = false;   ///< There was a section that is not an output's.
    bool unfinished = false;      ///< The mark that ends a reply is missing, or cut.
  };

  explicit Sections(std::size_t outputs) : sections_(outputs) {}
  virtual ~Sections() = default;

  /// Reading starts at this byte of the text.
  void start_at(std::size_t offset) noexcept { start_ = at_ = offset; }

  /// Reads on in `text`, which begins with what it held before, until a section begins or ends.
  /// False if `text` has nothing more that can be decided.  `complete` tells that no text will
  /// follow.
  virtual bool step(std::string_view text, bool complete) = 0;

  /// Appends `text` from `from` to `to`, a part of an output's section, without its escapes.
  virtual void append(std::string& out, std::string_view text, std::size_t output, std::size_t from,
                      std::size_t to) const = 0;

  /// The output whose section is being read, if any is.
  std::optional<std::size_t> current() const noexcept { return current_; }
  const Section& operator[](std::size_t output) const noexcept { return sections_[output]; }

  /// True if there is a section of an output.
  bool found_any() const noexcept { return std::ranges::any_of(sections_, &Section::found); }

  /// How far the text is read.
  std::size_t decided() const noexcept { return at_; }
  /// Where the first mark begins, with what belongs to it; far beyond the text if there is none.
  std::size_t first_mark() const noexcept { return first_mark_; }
  bool has_mark() const noexcept { return first_mark_ != std::string_view::npos; }
  /// Where an input's label was seen first, if no label of an output came before it.
  std::optional<std::size_t> leading_input() const noexcept { return leading_input_; }
  /// Where the reply has ended, if text may follow.
  std::optional<std::size_t> end() const noexcept { return end_; }
  const Facts& facts() const noexcept { return facts_; }

  /// The text of an output, trimmed.  `storage` holds it if it is not a part of `text`.
  std::string_view value(std::string_view text, std::size_t output, std::string& storage) const;

 protected:
  std::vector<Section> sections_;
  std::optional<std::size_t> current_;
  std::size_t start_ = 0;
  std::size_t at_ = 0;
  std::size_t first_mark_ = std::string_view::npos;
  std::optional<std::size_t> leading_input_;
  std::optional<std::size_t> end_;
  Facts facts_;
};

}  // namespace dspy
