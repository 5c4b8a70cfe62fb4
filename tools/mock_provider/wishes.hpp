#pragma once

#include "mock_provider/exchange.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace dspy::mock {

/// What a request, or whoever started the server, wants the reply to be.  By name, in the order in which they override
/// each other: the server's own (`MockOptions::wishes`), the path (`/mock/status=429,delay=50/v1/…`), the query
/// (`?mock-status=429`), the header (`X-Mock-Status: 429`).
struct Wishes {
  // What is said.
  std::optional<std::string> reply = {};
  std::optional<std::string> reasoning = {};
  std::optional<std::string> tool = {};       ///< The name of the tool to call.
  std::optional<std::string> arguments = {};  ///< Of that call, as the text that is sent.
  std::optional<std::string> finish = {};     ///< `stop`, `length`, `tool_calls`, `content_filter`, `refusal`.
  std::size_t delta_bytes = 12;               ///< Of text in each event of a stream.

  // What goes wrong.
  std::optional<int> status = {};
  std::optional<std::string> error_code = {};   ///< The provider's own, such as `insufficient_quota`.
  std::optional<std::string> retry_after = {};  ///< As it stands in the header.
  std::optional<std::size_t> error_after = {};  ///< An error in the middle of a stream, after so many events.
  bool missing_end = false;                     ///< A stream without what its protocol ends with.
  bool wrong_usage = false;                     ///< Ten times the tokens.
  bool no_usage = false;
  bool bad_utf8 = false;
  std::string content_type = {};

  // How it is written.
  std::string line_ends = "lf";  ///< Of event streams: `lf`, `crlf`, `cr`.
  bool comments = false;         ///< Between events; blank lines in NDJSON, and before JSON.
  bool byte_order_mark = false;
  Delivery delivery = {};
};

/// Names and values, as `parse_wishes` reads them.
using WishList = std::map<std::string, std::string>;

/// Throws `Error` (`invalid_parameter`) for a name that is none (the nearest is told) or a value that cannot be read.
void apply(Wishes& wishes, const WishList& list);

/// What `request` wishes; takes the path's part from it.
WishList wishes_of(Request& request);

/// One fault or none, drawn by `seed` and the number of the request, so that a run can be repeated.
WishList drawn_fault(std::uint64_t seed, std::uint64_t number, double rate);

}  // namespace dspy::mock
