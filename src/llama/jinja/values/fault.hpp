#pragma once

#include "dspy/base/error.hpp"

#include <cstddef>
#include <string_view>

namespace dspy::llama::jinja {

/// Where something stands in a template's source; both count from 1, columns in bytes.
struct Place {
  std::size_t line = 1;
  std::size_t column = 1;

  bool operator==(const Place&) const = default;
};

/// What is wrong with a template, as an `Error` (`config_error`) that names the place.
Error fault(Place place, std::string_view what);
/// What a template says of a conversation that it does not take, as an `Error` (`invalid_parameter`).
Error refusal(Place place, std::string_view words);

}  // namespace dspy::llama::jinja
