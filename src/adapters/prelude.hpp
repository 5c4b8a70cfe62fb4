#pragma once

#include <cstddef>
#include <string_view>

namespace dspy {

/// What stands before a reply proper: a byte order mark, and the thoughts that reasoning models
/// write between `<think>` and `</think>`.
struct Prelude {
  enum class Kind {
    none,      ///< The reply begins at `end`.
    thoughts,  ///< The same, after thoughts.
    open,      ///< There are thoughts without an end.
    possible,  ///< The text is too short to tell.
  };

  Kind kind = Kind::none;
  std::size_t end = 0;
};

Prelude find_prelude(std::string_view text) noexcept;

}  // namespace dspy
