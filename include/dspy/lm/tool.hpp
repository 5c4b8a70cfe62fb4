#pragma once

#include "dspy/base/json.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// A tool as it is described to a model.
struct ToolDefinition {
  std::string name = {};
  std::string description = {};
  /// The JSON Schema of the arguments, an object.
  JsonObject parameters = {};
  /// Hold the model to the schema.  Unset: as the provider does.
  std::optional<bool> strict = {};
  /// A tool that the provider runs itself: its type there, such as `web_search`; else empty.
  std::string builtin = {};
  JsonObject options = {};  ///< Of a built-in tool, in the provider's own words.

  bool operator==(const ToolDefinition&) const = default;
};

/// Which tools a reply may or must call.
struct ToolChoice {
  enum class Mode { automatic, required, none };

  Mode mode = Mode::automatic;
  std::vector<std::string> allowed = {};  ///< Names; empty: all.
  std::optional<bool> parallel = {};      ///< Several calls in one reply.  Unset: as the provider does.

  bool operator==(const ToolChoice&) const = default;
};

std::string_view to_string(ToolChoice::Mode mode) noexcept;

}  // namespace dspy
