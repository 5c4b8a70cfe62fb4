#pragma once

#include "dspy/base/json.hpp"
#include "dspy/lm/tool.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dspy::openapi {

struct Parameter {
  enum class Place { path, query, header };

  std::string name = {};
  Place place = Place::query;
  bool is_exploded = true;  ///< A list in a query: one pair for each item.
};

/// One operation of an interface, as far as a call needs it.
struct Operation {
  std::string method = {};  ///< Upper case.
  std::string path = {};    ///< `/pets/{id}`
  std::vector<Parameter> parameters = {};
  bool has_body = false;
  ToolDefinition definition = {};
};

/// Throws `Error` (`config_error`).
std::vector<Operation> operations_of(const Json& document);

/// What is sent for a call: the target behind the base URL, and the header fields.
struct Target {
  std::string path_and_query = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// Throws `Error` (`bad_input`) for a value that cannot stand in its place.
Target target_of(const Operation& operation, const JsonObject& arguments);

}  // namespace dspy::openapi
