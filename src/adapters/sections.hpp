#pragma once

#include "adapters/labels.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Cuts a reply of `Label: value` lines into the outputs' texts, while it arrives or all at
/// once: the same pieces however it is cut.  Each output's text comes without the white space
/// around it.  Linear; holds back a line only while it may still be a label, and white space
/// only until something follows it.
class Sections {
 public:
  /// Receives the text of output `field`, piece by piece, then once with `done`.
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void text(std::size_t field, std::string_view piece) = 0;
    virtual void done(std::size_t field) = 0;
  };

  enum class Fences { respect, ignore };

  /// `labels` must outlive the object.
  Sections(const Labels& labels, std::size_t outputs, Fences fences = Fences::respect);

  void push(std::string_view text, Sink& sink);
  void finish(Sink& sink);

  bool found_any() const noexcept { return seen_count_ > 0; }
  bool had_leading_text() const noexcept { return leading_text_; }
  bool had_repeated_label() const noexcept { return repeated_label_; }
  bool had_outer_fence() const noexcept { return outer_fence_seen_; }
  bool ran_on() const noexcept { return ended_; }
  bool ended_in_fence() const noexcept { return in_fence_; }

 private:
  void line_part(std::string_view part, bool line_end, Sink& sink);
  bool decide(std::string_view line, bool whole, Sink& sink);
  void text(std::string_view piece, Sink& sink);
  void close(Sink& sink);

  const Labels& labels_;
  std::vector<bool> seen_;
  std::size_t seen_count_ = 0;
  std::optional<std::size_t> current_;
  std::string line_;          ///< A line's beginning that is not decided yet.
  bool decided_ = false;      ///< The rest of this line is text.
  std::string blanks_;        ///< White space that becomes text once something follows.
  bool has_text_ = false;     ///< The current field has some text already.
  bool respect_fences_;
  bool in_fence_ = false;
  bool outer_fence_ = false;  ///< The labelled lines themselves stand in a fence.
  bool outer_fence_seen_ = false;
  bool leading_text_ = false;
  bool repeated_label_ = false;
  bool ended_ = false;
};

/// `value` with a backslash before every line but the first that a reader would take for more
/// than text; `Sections` takes exactly these away again.
void append_guarded(std::string& out, std::string_view value, const Labels& labels);

}  // namespace dspy
