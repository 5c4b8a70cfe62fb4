#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy::mock {

/// What a client has sent.
struct Request {
  std::string method = {};
  std::string path = {};  ///< Without query, percent-encoding left as it is.
  std::map<std::string, std::string> query = {};
  std::map<std::string, std::string> headers = {};  ///< Names in lower case.
  std::string body = {};
};

/// How the bytes of a reply go over the line.
struct Delivery {
  std::chrono::milliseconds header_delay{0};
  std::chrono::milliseconds part_delay{0};       ///< Before each part of a stream but the first.
  std::size_t piece_bytes = 0;                   ///< Each written on its own; 0: a part at a time.
  std::optional<std::size_t> resets_after = {};  ///< TCP reset after so many bytes of the body.
  std::optional<std::size_t> closes_after = {};  ///< Connection closed after so many bytes of the body.
  bool resets_before_header = false;
  bool closes_before_header = false;
  bool hangs = false;                             ///< Never says anything.
  std::optional<std::uint16_t> closes_with = {};  ///< Of a WebSocket: closed with this code after the reply.
};

struct Reply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::vector<std::string> parts = {};  ///< The body; of a stream an event each, over a WebSocket a message each.
  bool is_stream = false;               ///< Sent in chunks of no known length in all.
  Delivery delivery = {};

  std::string body() const;
};

}  // namespace dspy::mock
