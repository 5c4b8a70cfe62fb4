#pragma once

#include "dspy/http/line_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::http {

/// The views hold until the next call of the reader that returned them.
struct ServerSentEvent {
  std::string_view event = {};  ///< Its type; empty if the stream names none.
  std::string_view data = {};   ///< Lines joined by LF.
  std::string_view id = {};     ///< The last id the stream has named.

  bool operator==(const ServerSentEvent&) const = default;
};

struct ServerSentEventLimits {
  std::size_t line_bytes = std::size_t{16} * 1024 * 1024;
  std::size_t event_bytes = std::size_t{32} * 1024 * 1024;
  std::size_t stray_bytes = std::size_t{64} * 1024;
};

/// Reads a `text/event-stream` as the WHATWG's HTML standard has it (section 9.2.6), however it is cut into pieces:
///
///     events.feed(std::move(piece));
///     while (auto event = events.next()) …
///
/// Its framing does not tell whether a stream was whole: the caller looks for the event that its protocol ends with.
/// Bytes are not checked to be UTF-8.
class ServerSentEvents {
 public:
  explicit ServerSentEvents(ServerSentEventLimits limits = {})
      : limits_(limits), lines_(LineEnds::any, limits.line_bytes) {}

  void feed(std::string bytes) { lines_.feed(std::move(bytes)); }
  /// The next whole event.  Throws `Error` (`stream_broken`) for a line or an event beyond the limits.
  std::optional<ServerSentEvent> next();
  /// After the last bytes, when `next` has no more: the event that lacks its blank line, which a browser would drop.
  /// Some servers end with one.
  std::optional<ServerSentEvent> finish();

  /// Lines that are not a field of an event, which a browser would ignore: some servers tell an error so.  Each ends
  /// with LF; at most `stray_bytes` of them.
  std::string_view stray() const noexcept { return stray_; }
  /// How long the stream asks clients to wait before they connect again, in milliseconds.
  std::optional<std::uint64_t> retry() const noexcept { return retry_; }

 private:
  enum class Data { none, in_line, joined };

  void forget_returned();
  void take_line(std::string_view line);
  void take_data(std::string_view value);
  std::optional<ServerSentEvent> take_event();

  ServerSentEventLimits limits_;
  LineReader lines_;
  bool is_first_line_ = true;
  bool is_returned_ = false;  ///< The returned event is still held.

  std::string event_;
  std::string id_;
  Data data_ = Data::none;
  std::string_view line_data_;  ///< The only data yet, a part of what `lines_` holds.
  std::string joined_;          ///< Data of several lines, or of an event that spans pieces.
  std::string stray_;
  std::optional<std::uint64_t> retry_;
};

}  // namespace dspy::http
