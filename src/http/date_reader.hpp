#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace dspy::http {

/// Reads a date from the left.  After the first thing that is not as asked, nothing more is read, and `is_good` is
/// false.
class DateReader {
 public:
  explicit DateReader(std::string_view text) : text_(text) {}

  /// `least` to `most` digits.
  int number(std::size_t least, std::size_t most);
  void literal(std::string_view expected);
  /// One of `names`: its place.
  int name(std::span<const std::string_view> names);
  /// Whether `character` comes next; it is then read.
  bool skip(char character);
  /// The digits of a fraction of a second, at most 9 of which count.
  std::chrono::nanoseconds fraction();

  bool is_good() const noexcept { return good_; }
  bool is_done() const noexcept { return good_ && text_.empty(); }

 private:
  std::string_view text_;
  bool good_ = true;
};

/// Nothing for a day or time that does not exist, or does not fit into 64 bits of nanoseconds.  A leap second is the
/// next minute's first.
std::optional<std::chrono::sys_seconds> to_time(int year, int month, int day, int hour, int minute, int second);

}  // namespace dspy::http
