#pragma once

#include "dspy/base/json.hpp"
#include "dspy/lm/request.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace dspy::server {

/// What a client asks for, whichever API it speaks.
struct Asked {
  std::string model = {};
  Request request = {};
  bool is_stream = false;
  bool wants_usage = true;                ///< At the end of a stream.
  std::optional<JsonObject> inputs = {};  ///< For a program, by name, in addition to the messages.
  JsonObject echoed = {};                 ///< What the API's replies repeat of the request.
};

/// A reply's id, and its start time.
struct Stamp {
  std::string id = {};    ///< Letters and digits; protocols put their own prefix before it.
  std::int64_t time = 0;  ///< Seconds since 1970.
  std::chrono::steady_clock::time_point begun = {};
  std::string trace_id = {};    ///< Empty where nothing is asked that has a trace.
  std::string experiment = {};  ///< That chose the version which answers; empty: none.
  std::string arm = {};

  /// Random, and the time now.
  static Stamp now();
};

}  // namespace dspy::server
