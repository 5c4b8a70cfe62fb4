#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// RESP, version 2: what Redis and Valkey speak.  No I/O here.

namespace dspy::storage {

struct RespValue {
  enum class Kind : std::uint8_t { text, error, integer, null, list };

  Kind kind = Kind::null;
  std::string text = {};  ///< Of a text or an error.
  std::int64_t integer = 0;
  std::vector<RespValue> list = {};

  bool operator==(const RespValue&) const = default;
};

/// A command and its arguments, whatever bytes they have.
std::string resp_command(std::span<const std::string_view> words);

/// Reads values, however they are cut into pieces.
class RespReader {
 public:
  void feed(std::string_view bytes) { bytes_.append(bytes); }
  /// The next value, if it is whole.  Throws `Error` (`io_error`) for bytes that are not RESP, for a text of more than
  /// 64 MiB, and for lists within lists within lists.
  std::optional<RespValue> next();

 private:
  std::string bytes_;
};

}  // namespace dspy::storage
