#pragma once

#include "dspy/agents/sandbox/interpreter.hpp"
#include "dspy/base/json.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

// The messages between an interpreter and its host, without I/O.  docs/formats/interpreter.md.

namespace dspy::interpreter {

/// Four bytes of length, the most significant first, and the message.
std::string framed(const JsonObject& message);

/// Takes frames out of bytes that come in pieces.
class FrameReader {
 public:
  explicit FrameReader(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  void feed(std::string_view bytes) { bytes_ += bytes; }
  /// The next whole frame.  Throws `Error` (`backend_error`) for one of more than `most_bytes`, as soon as its length
  /// is known.
  std::optional<std::string> next();

 private:
  std::size_t most_bytes_;
  std::string bytes_;
  std::size_t begin_ = 0;
};

struct Ready {
  std::string python = {};
  JsonObject layers = {};
};

struct Call {
  std::uint64_t id = 0;
  std::string name = {};
  JsonObject arguments = {};
};

using Message = std::variant<Ready, Call, Execution>;

/// Reads what an interpreter says while `execution` runs (0: none).  Nothing that it says is believed that does not
/// fit: throws `Error` (`backend_error`) for what is not a message, or not one of this execution.
Message read_message(std::string_view text, std::uint64_t execution);

JsonObject execute_message(const ExecuteRequest& request, std::uint64_t execution,
                           const std::vector<HostFunction>& functions);
JsonObject result_message(std::uint64_t call, const Json& value);
JsonObject failure_message(std::uint64_t call, std::string_view error);

/// Runs the function that code asked for.  The answer to send back.  Throws what ends the execution.
Async<JsonObject> answered(std::vector<HostFunction> functions, Call call);

/// Throws `Error` (`invalid_parameter`) for names that Python cannot say, or that are there twice.
void require_usable(const std::vector<HostFunction>& functions);

}  // namespace dspy::interpreter
