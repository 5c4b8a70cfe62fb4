#include "dspy/lm/middleware/guard.hpp"

namespace dspy {

bool may_have_been_billed(Errc code) noexcept {
  switch (code) {
    case Errc::timeout:
    case Errc::stream_broken:
    case Errc::deadline_exceeded:
    case Errc::cancelled:
    case Errc::inference_failed: return true;
    default: return false;
  }
}

}  // namespace dspy
