#pragma once

#include "adapters/labels.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Where the value of one output stands in a reply.
struct Section {
  std::size_t begin = 0;  ///< The byte after the colon.
  std::size_t end = 0;    ///< Grows while the value is read.
  bool found = false;
  bool has_text = false;
  bool has_escapes = false;  ///< Some lines begin with a backslash to be taken away.
  bool repeated = false;     ///< Its label came again.
  bool spelled_as_is = true;
  bool decorated = false;
  std::size_t emphasis = 0;  ///< Characters of emphasis that were opened before the label and not closed after it.
};

/// Cuts a reply into sections at its labelled lines.  The one place that knows where a value
/// begins and ends; reading a whole reply and following a growing one both go through `step`.
///
/// - A label at the start of a line begins a section, unless its field has text already: then the
///   line is text.  A field that has no text yet begins anew.
/// - A line in a code fence is text.  A fence that is never closed is no fence.
/// - An input's label, once every required output was seen, ends the reply: the model has gone on
///   to invent the next question.
/// - A backslash before a line that would be a label or a fence makes it text, and is taken away.
/// - If the first label stands inside a fence, the fence's end ends the reply.
class Sections {
 public:
  explicit Sections(const Labels& labels);

  /// Reading starts at this byte of the text.
  void start_at(std::size_t offset) noexcept { at_ = offset; }

  /// Reads on in `text`, which begins with what it held before, up to the next label.  True if a
  /// section has begun; false if `text` has nothing more that can be decided.  `complete` tells
  /// that no text will follow.
  bool step(std::string_view text, bool complete);

  /// The output whose section is being read; nothing before the first label.
  std::optional<std::size_t> current() const noexcept { return current_; }
  const Section& operator[](std::size_t output) const noexcept { return sections_[output]; }

  /// How far the text is read.
  std::size_t decided() const noexcept { return at_; }
  /// Where the first label's line begins.
  std::size_t first_label() const noexcept { return first_label_; }
  /// Where an input's label was seen first, if no label of an output came before it.
  std::optional<std::size_t> leading_input() const noexcept { return leading_input_; }
  bool ran_on() const noexcept { return ran_on_; }
  bool in_fence() const noexcept { return wrapper_ != 0; }
  /// True if labels were found behind a fence that nothing closed.
  bool had_unclosed_fence() const noexcept { return had_unclosed_fence_; }
  /// What follows the fence around the whole reply; nothing if there is no such fence.
  std::optional<std::size_t> after_fence() const noexcept { return after_fence_; }

  /// The text of an output, trimmed.  `storage` holds it if it is not a part of `text`.
  std::string_view value(std::string_view text, std::size_t output, std::string& storage) const;

  /// Appends `text` from `from` to `to`, a part of an output's section, without its escapes.
  void append(std::string& out, std::string_view text, std::size_t output, std::size_t from, std::size_t to) const;

 private:
  enum class Place { line_start, value_start, inside_line };
  enum class Verdict { text, label, wait, end };

  Verdict read_line(std::string_view line, bool complete);
  Verdict read_label(const LabelMatch& match);
  Verdict read_value_start(std::string_view line, bool complete);
  Verdict read_fence(std::string_view line, bool complete);
  FenceLine fence_at(std::string_view line, bool complete) const noexcept;
  void add_text(std::size_t end, std::string_view line);
  void open_fence(std::size_t ticks) noexcept;
  bool reopen_unclosed_fence() noexcept;

  const Labels& labels_;
  std::vector<Section> sections_;
  std::optional<std::size_t> current_;
  std::size_t required_left_ = 0;

  std::size_t at_ = 0;
  Place place_ = Place::line_start;
  std::size_t slashes_ = 0;  ///< Backslashes known to begin the line at `at_`.

  std::size_t fence_ = 0;       ///< Ticks of the open fence, or 0.
  std::size_t fence_line_ = 0;  ///< Where that fence was opened.
  bool fences_count_ = true;
  std::size_t wrapper_ = 0;  ///< Ticks of the fence around the sections, or 0.

  std::size_t first_label_ = std::string_view::npos;
  std::optional<std::size_t> leading_input_;
  std::optional<std::size_t> after_fence_;
  bool had_unclosed_fence_ = false;
  bool ran_on_ = false;
  bool ended_ = false;
};

}  // namespace dspy
