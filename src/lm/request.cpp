#include "dspy/lm/request.hpp"

#include <utility>

namespace dspy {

std::string_view to_string(ReasoningOptions::Effort effort) noexcept {
  switch (effort) {
    case ReasoningOptions::Effort::off: return "off";
    case ReasoningOptions::Effort::minimal: return "minimal";
    case ReasoningOptions::Effort::low: return "low";
    case ReasoningOptions::Effort::medium: return "medium";
    case ReasoningOptions::Effort::high: return "high";
    case ReasoningOptions::Effort::xhigh: return "xhigh";
    case ReasoningOptions::Effort::max: return "max";
  }
  std::unreachable();
}

std::string_view to_string(ToolChoice::Mode mode) noexcept {
  switch (mode) {
    case ToolChoice::Mode::automatic: return "auto";
    case ToolChoice::Mode::required: return "required";
    case ToolChoice::Mode::none: return "none";
  }
  std::unreachable();
}

const ProviderOptions& Request::provider_options() const noexcept {
  static const ProviderOptions none;
  return provider ? *provider : none;
}

bool Request::operator==(const Request& other) const {
  return messages == other.messages && sampling == other.sampling && contract == other.contract &&
         prefill == other.prefill && tools == other.tools && tool_choice == other.tool_choice && n == other.n &&
         (provider == other.provider || provider_options() == other.provider_options());
}

}  // namespace dspy
