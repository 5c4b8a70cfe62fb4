#include "llama/jinja/values/fault.hpp"

#include <format>

namespace dspy::llama::jinja {

Error fault(Place place, std::string_view what) {
  return {Errc::config_error, std::format("the chat template, line {}, column {}: {}", place.line, place.column, what)};
}

Error refusal(Place place, std::string_view words) {
  return {Errc::invalid_parameter,
          std::format("the model's chat template (line {}) refuses this conversation: {}", place.line, words)};
}

}  // namespace dspy::llama::jinja
