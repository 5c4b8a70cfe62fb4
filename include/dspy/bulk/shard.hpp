#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dspy {

/// One part of a run that is divided among processes: `index` of `count`, counted from 0.
struct Shard {
  std::size_t index = 0;
  std::size_t count = 1;

  /// Reads `3/64`.  Throws `Error` (`invalid_parameter`) for anything else, and for an index that is not below the
  /// count.
  static Shard parse(std::string_view text);
  bool operator==(const Shard&) const = default;
};

std::string to_string(const Shard& shard);

/// Which rows of a file belong to which shard.  The same file and rule give the same rows on every machine.
struct ShardRule {
  enum class By : std::uint8_t {
    range,  ///< Bytes: a shard reads only its own stretch of the file.  For JSONL.
    row,    ///< The row's number modulo the count.
    field,  ///< The hash of a field: rows that share its value share an engine, and so the start of their prompts.
  };

  By by = By::row;
  std::string field = {};  ///< Of `By::field`.

  /// Reads `range`, `row` or `hash:FIELD`.  Throws `Error` (`invalid_parameter`).
  static ShardRule parse(std::string_view text);
  /// `range` for JSONL, else `row`.
  static ShardRule usual(std::string_view path);
  bool operator==(const ShardRule&) const = default;
};

std::string to_string(const ShardRule& rule);

}  // namespace dspy
