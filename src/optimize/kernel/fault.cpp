#include "optimize/kernel/fault.hpp"

namespace dspy::optimize {

bool is_infrastructure(Errc code) noexcept {
  switch (code) {
    // What another prompt might do better, or worse.
    case Errc::signature_error:
    case Errc::bad_input:
    case Errc::parse_error:
    case Errc::invalid_parameter:
    case Errc::tokenization_failed:
    case Errc::context_too_long:
    case Errc::refused: return false;
    default: return true;
  }
}

}  // namespace dspy::optimize
