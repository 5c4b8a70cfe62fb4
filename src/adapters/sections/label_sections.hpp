#pragma once

#include "adapters/sections/labels.hpp"
#include "adapters/sections/sections.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Cuts a reply into sections at its labelled lines.
///
/// - A label at the start of a line begins a section, unless its field has text already: then the
///   line is text.  A field that has no text yet begins anew.
/// - A label with a bullet, heading or emphasis around it is text where a plain one of its field
///   follows.
/// - A line in a code fence is text.  A fence that is never closed is not a fence.
/// - An input's label, once every required output was seen, ends the reply: the model has gone on
///   to invent the next question.
/// - A backslash before a line that would be a label or a fence makes it text, and is taken away.
/// - If the first label stands inside a fence, the fence's end ends the reply.
class LabelSections final : public Sections {
 public:
  explicit LabelSections(const Labels& labels);

  bool step(std::string_view text, bool complete) override;
  void append(std::string& out, std::string_view text, std::size_t output, std::size_t from,
              std::size_t to) const override;

 private:
  enum class Place { line_start, value_start, inside_line };
  enum class Verdict { text, label, wait, end };

  Verdict read_line(std::string_view line, bool complete, std::string_view text, bool has_all);
  Verdict read_label(const LabelMatch& match, std::string_view text, bool complete);
  bool follows_blank_line(std::string_view text) const noexcept;
  bool output_follows(std::string_view text, bool complete);
  std::size_t plainness(const LabelMatch& match, std::string_view line) const noexcept;
  bool plainer_follows(const LabelMatch& match, std::string_view text);
  LabelMatch known_label() const noexcept;
  Verdict read_value_start(std::string_view line, bool complete);
  Verdict read_fence(std::string_view line, bool complete);
  FenceLine fence_at(std::string_view line, bool complete) const noexcept;
  void add_text(std::size_t end, std::string_view line);
  void open_fence(std::size_t ticks) noexcept;
  bool reopen_unclosed_fence() noexcept;

  const Labels& labels_;
  std::size_t required_left_ = 0;
  Place place_ = Place::line_start;
  std::size_t slashes_ = 0;  ///< Backslashes known to begin the line at `at_`.

  std::size_t fence_ = 0;       ///< Ticks of the open fence, or 0.
  std::size_t fence_line_ = 0;  ///< Where that fence was opened.
  bool fences_count_ = true;
  std::size_t wrapper_ = 0;  ///< Ticks of the fence around the sections, or 0.
  bool ended_ = false;
  std::size_t followed_to_ = 0;  ///< Up to where `output_follows` found no label.
  /// A label that looking ahead found, and where its line begins.
  struct KnownLabel {
    std::size_t at = 0;
    LabelMatch match;
  };
  std::vector<KnownLabel> known_labels_;  ///< All of them up to `known_end_`.
  std::size_t known_end_ = 0;
  /// By output: where its last label that is not decorated stands, and the last one as it was asked for, or 0; empty
  /// until needed.
  std::vector<std::size_t> last_plain_;
};

}  // namespace dspy
