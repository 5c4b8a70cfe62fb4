#include "dspy/base/version.hpp"

namespace dspy {

std::string_view version() noexcept {
  return DSPY_VERSION;
}

}  // namespace dspy
