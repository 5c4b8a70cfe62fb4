#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace dspy::http {

enum class LineEnds {
  lf,   ///< LF or CRLF, as in NDJSON.
  any,  ///< LF, CRLF or CR, as in server-sent events.
};

/// Finds lines in bytes that come in pieces; each byte is looked at once, however they are cut.
class LineReader {
 public:
  LineReader(LineEnds ends, std::size_t most_bytes) : ends_(ends), most_bytes_(most_bytes) {}

  /// Ends the life of all views.
  void feed(std::string bytes);
  /// The next whole line, without its end.  The view holds until `feed`.  Throws `Error` (`stream_broken`) for a line
  /// of more than `most_bytes`, as soon as that many are there.
  std::optional<std::string_view> next();
  /// After the last bytes: the line that has no end, if there is one.
  std::optional<std::string_view> rest();

 private:
  /// Where the first of one kind of byte is, and how far was looked for it.
  struct Mark {
    std::size_t at = std::string::npos;
    std::size_t looked = 0;
  };

  std::size_t find(char byte, Mark& mark) const noexcept;
  void require_fitting(std::size_t size) const;

  LineEnds ends_;
  std::size_t most_bytes_;
  std::string bytes_;
  std::size_t begin_ = 0;  ///< Of the first line that is not yet handed out.
  Mark lf_;
  Mark cr_;
  bool skips_lf_ = false;  ///< The last line ended with a CR, whose LF may still come.
};

}  // namespace dspy::http
