#pragma once

#include "dspy/signature/signature.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dspy {

/// What a line begins with.
struct LabelMatch {
  enum class Kind {
    none,      ///< No label.
    possible,  ///< The line ended before this was decided; more of it might make a label.
    output,
    input,
  };

  Kind kind = Kind::none;
  std::size_t field = 0;      ///< Its index in the signature's outputs (inputs).
  std::size_t value = 0;      ///< Where in the line the value begins, right after the colon.
  std::size_t emphasis = 0;   ///< How many characters of emphasis were opened and not closed again.
  bool spelled_as_is = true;  ///< The label, letter by letter.
  bool decorated = false;     ///< With a bullet, heading or emphasis around it.

  bool is_label() const noexcept { return kind == Kind::output || kind == Kind::input; }
};

/// Recognises a signature's labels at the start of lines, in every spelling that models use: any
/// case of the letters, blanks, `_` and `-` anywhere between them or nowhere, the field's name
/// for its label, and bullets, headings, quotes or emphasis around it (`- **Answer**:`).
///
/// Looks at the signature while it lives.  Never allocates; a line costs a few nanoseconds
/// unless it starts with a label's first letter, and never more than a fixed time.
class Labels {
 public:
  explicit Labels(const Signature& signature) noexcept;

  /// `line` holds no line end.  `complete` tells that nothing of it is missing.
  LabelMatch match(std::string_view line, bool complete = true) const noexcept;

  /// The output that `key` names, by the same rules; the number of outputs if it names none.
  std::size_t find_output(std::string_view key) const noexcept;
  /// The input that `key` names; the number of inputs if it names none.
  std::size_t find_input(std::string_view key) const noexcept;

  /// True if `text` is the beginning of a field's label or name in the same letters, two of them at
  /// least, or all of it: what is left of a label where a reply was cut.
  bool is_cut_label(std::string_view text) const noexcept;

  const Signature& signature() const noexcept { return signature_; }

 private:
  bool may_start(char letter) const noexcept;
  LabelMatch match_at(std::string_view text, std::size_t offset, std::size_t opened, bool complete) const noexcept;

  const Signature& signature_;
  std::array<std::uint64_t, 4> first_letters_{};  ///< A bit for each byte that a label starts with.
  std::size_t reach_ = 0;                         ///< How far into a line a label may begin.
};

/// A line that opens or closes a code fence, as Markdown has it: three or more backticks.
struct FenceLine {
  enum class Kind { none, possible, fence };

  Kind kind = Kind::none;
  std::size_t ticks = 0;
  bool bare = false;  ///< Nothing follows the ticks, so that it may close a fence.
};

FenceLine match_fence(std::string_view line, bool complete = true) noexcept;

}  // namespace dspy
