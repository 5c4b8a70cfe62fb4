#pragma once

#include "adapters/sections/labels.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace dspy {

/// What is at a `[`.
struct MarkerMatch {
  enum class Kind {
    none,      ///< No marker.
    possible,  ///< The text ended before this was decided; more of it might make a marker.
    escaped,   ///< A marker that a backslash turns into text: the one after the first `[`.
    output,
    input,
    completed,  ///< The marker that ends a reply.
    closing,    ///< One that ends an output's section, as `[[ ## /name ## ]]`.
    unknown,    ///< The marker of something else.
  };

  Kind kind = Kind::none;
  std::size_t field = 0;      ///< Its index in the signature's outputs (inputs).
  std::size_t size = 0;       ///< In bytes.
  bool spelled_as_is = true;  ///< `[[ ## name ## ]]`, letter by letter.

  bool is_marker() const noexcept { return kind > Kind::escaped; }
};

/// Recognises section markers, `[[ ## name ## ]]`, in the spellings that models use: other or no
/// blanks, another number of `#`, a bracket too few or too many, and the name as labels are recognised.
class Markers {
 public:
  /// Looks at the labels while it lives.
  explicit Markers(const Labels& labels) noexcept;

  /// `text` begins with `[`.  `complete` tells that nothing of it is missing.
  MarkerMatch match(std::string_view text, bool complete = true) const noexcept;

  const Signature& signature() const noexcept { return labels_.signature(); }

 private:
  const Labels& labels_;
  std::size_t longest_name_;
};

/// Appends a value with a backslash after the first `[` of each thing that would read as a marker.
void append_escaping_markers(std::string& out, const Markers& markers, std::string_view text);

/// The reverse: takes one backslash from each escaped marker.
void append_unescaping_markers(std::string& out, const Markers& markers, std::string_view text);

}  // namespace dspy
