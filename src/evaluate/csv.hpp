#pragma once

#include <cstddef>
#include <istream>
#include <optional>
#include <string>
#include <vector>

namespace dspy {

/// Takes records off a CSV text (RFC 4180; lines may end in LF) as it is read.
class CsvReader {
 public:
  explicit CsvReader(std::istream& in);

  struct Record {
    std::size_t line = 1;  ///< On which it begins.
    std::vector<std::string> cells = {};
    bool is_unclosed = false;  ///< It has a quote that is never closed, and goes to the end of the text.
  };

  /// Nothing at the end.
  std::optional<Record> next();

 private:
  std::istream& in_;
  std::size_t line_ = 1;
};

}  // namespace dspy
