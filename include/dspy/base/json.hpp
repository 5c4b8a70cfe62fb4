#pragma once

#include <boost/json/value.hpp>
#include <boost/json/value_ref.hpp>

#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace dspy {

/// Any JSON value.  Objects keep the order in which members were added.
using Json = boost::json::value;
using JsonObject = boost::json::object;
using JsonArray = boost::json::array;
using JsonString = boost::json::string;
/// In initialiser lists: anything that a `Json` can be made from.
using JsonRef = boost::json::value_ref;

/// Why a text is not JSON.
struct JsonProblem {
  std::string message;
  std::size_t position = 0;  ///< In bytes from the start of the text.
};

/// Reads one strict JSON text (RFC 8259, UTF-8, nesting up to 256); refuses a number it would round.  Thread-safe.
std::expected<Json, JsonProblem> parse_json(std::string_view text);

/// The first member that an object in `text` names twice, where `text` is JSON; `parse_json` keeps
/// the last of them.  For files, in which a repeated name is a mistake.  The position is the
/// second name's.  Thread-safe.
std::optional<JsonProblem> repeated_member(std::string_view text);

/// Compact JSON text.  Numbers keep their kind: `2.0` stays a float.
std::string to_text(const Json& value);

/// Appends what `to_text` returns; for code that builds a longer text.
void append_text(std::string& out, const Json& value);

/// JSON text over several lines, indented by two spaces, for people.
std::string to_pretty_text(const Json& value);

inline std::string_view view(const JsonString& text) noexcept {
  return {text.data(), text.size()};
}

}  // namespace dspy
