#pragma once

#include "dspy/base/json.hpp"

#include <expected>
#include <string>
#include <string_view>
#include <variant>

// JSON-RPC 2.0 as MCP uses it: no batches, ids are strings or integers, parameters are objects.

namespace dspy::rpc {

enum Code {
  parse_error = -32700,
  invalid_request = -32600,
  method_not_found = -32601,
  invalid_params = -32602,
  internal_error = -32603,
  // MCP's own
  header_mismatch = -32020,
  missing_capability = -32021,
  unsupported_version = -32022,
};

struct Fault {
  int code = 0;
  std::string message = {};
  Json data = {};
};

struct Call {
  Json id = {};  ///< Null: a notification, which gets no answer.
  std::string method = {};
  JsonObject params = {};

  bool is_notification() const noexcept { return id.is_null(); }
};

struct Answer {
  Json id = {};  ///< Null where the call could not be read.
  std::variant<JsonObject, Fault> outcome = {};

  const Fault* fault() const noexcept { return std::get_if<Fault>(&outcome); }
};

using Message = std::variant<Call, Answer>;

/// A message, or what to answer in its place (with a null id).
std::expected<Message, Fault> read(std::string_view text);

JsonObject to_json(const Call& call);
JsonObject to_json(const Answer& answer);

}  // namespace dspy::rpc
