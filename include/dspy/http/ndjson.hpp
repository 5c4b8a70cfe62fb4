#pragma once

#include "dspy/http/line_reader.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::http {

/// Reads newline-delimited JSON, however it is cut into pieces:
///
///     values.feed(std::move(piece));
///     while (auto value = values.next()) …   // one JSON text, not yet parsed
class Ndjson {
 public:
  explicit Ndjson(std::size_t line_bytes = std::size_t{16} * 1024 * 1024) : lines_(LineEnds::lf, line_bytes) {}

  void feed(std::string bytes) { lines_.feed(std::move(bytes)); }
  /// The next line that is not blank.  The view holds until `feed`.  Throws `Error` (`stream_broken`) for one of more
  /// than `line_bytes`.
  std::optional<std::string_view> next();
  /// After the last bytes: the line that has no end.  It may be whole, or cut.
  std::optional<std::string_view> finish();

 private:
  LineReader lines_;
  bool is_first_ = true;
};

}  // namespace dspy::http
