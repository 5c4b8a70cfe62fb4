#pragma once

#include "llama/mask/expressions/dfa.hpp"

#include <string>
#include <vector>

namespace dspy::llama::mask {

/// Where free text stands in a reply, which decides what must not be in it.
struct FreeText {
  enum class Among {
    labels,   ///< Of `Label: value` lines: no line reads as a label, and every code fence is closed.
    markers,  ///< Of `[[ ## name ## ]]` sections: nothing reads as a marker.
    tags,     ///< Of `<name>` elements: nothing reads as one of the tags.
  };

  Among among = Among::labels;
  std::vector<std::string> names = {};  ///< Names and labels of all fields, and whatever else opens a section.
  bool may_be_null = true;              ///< Whether the text may be a word that readers take for no value: `none`.
  /// Whether the text may hold what readers take for an escape.  Without, it is what it says, letter by letter.
  bool may_escape = true;
  bool is_one_line = false;
  std::string braced_name = {};  ///< What the text must not begin with, in any letter case: `{answer}`.
};

/// The texts that a reader finds in their section as they are: UTF-8 that is not empty, begins and ends with no blank,
/// has no control characters but line ends and tabs, and opens no other section, in no spelling that readers know.
/// Among tags it begins no CDATA either.
///
/// The rules of labels, fences and markers are those of docs/guide/adapters.md, a little stricter where that makes them
/// simpler: a fence has three or four backticks and a short info string.
Dfa free_text(const FreeText& place);

}  // namespace dspy::llama::mask
