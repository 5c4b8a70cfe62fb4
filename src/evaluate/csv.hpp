#pragma once

#include <cstddef>
#include <istream>
#include <optional>
#include <streambuf>
#include <string>
#include <vector>

namespace dspy {

/// Reads records from a CSV text (RFC 4180; lines may end in LF) incrementally.
class CsvReader {
 public:
  explicit CsvReader(std::istream& in);

  struct Record {
    std::size_t line = 1;  ///< On which it begins.
    std::vector<std::string> cells = {};
    bool is_blank = false;     ///< Its line is empty, without even quotes.
    bool is_unclosed = false;  ///< It has a quote that is never closed, and goes to the end of the text.
  };

  /// Nothing at the end.
  std::optional<Record> next();

 private:
  int peek();
  int take();

  std::streambuf& text_;
  std::string ahead_;   ///< What was read to look for a byte order mark.
  std::size_t at_ = 0;  ///< In it.
  std::size_t line_ = 1;
};

}  // namespace dspy
