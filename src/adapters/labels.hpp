#pragma once

#include "dspy/signature/signature.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Recognises a field's label at the start of a line, as models write it: in any letter case,
/// with other spacing, in bold, as a heading, behind a bullet or number.  The label and the
/// name of each input and output are known.  Immutable, so any number of readers may share it.
class Labels {
 public:
  explicit Labels(const Signature& signature);

  struct Match {
    enum class Kind {
      none,     ///< The line is text, however it goes on.
      partial,  ///< The line so far may become a label.
      input,    ///< `field` counts the signature's inputs.
      output,   ///< `field` counts the signature's outputs.
    };

    Kind kind = Kind::none;
    std::size_t field = 0;
    std::size_t value = 0;  ///< Where the value begins in the line.
  };

  /// Looks at a line without its end.  `whole` says that no more of the line will come.
  Match match(std::string_view line, bool whole) const;

  /// True if a whole line would be read as a label.
  bool is_label(std::string_view line) const;

 private:
  struct Key {
    std::string letters;  ///< Lower case, without blanks, `_` and `-`.
    Match::Kind kind;
    std::size_t field;
  };

  void add(std::string_view name, Match::Kind kind, std::size_t field);

  std::vector<Key> keys_;
};

}  // namespace dspy
