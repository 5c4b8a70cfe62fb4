#include "dspy/lm/reply.hpp"

#include <cassert>
#include <utility>

namespace dspy {

std::string_view to_string(Adaptation::Action action) noexcept {
  switch (action) {
    case Adaptation::Action::dropped: return "dropped";
    case Adaptation::Action::clamped: return "clamped";
    case Adaptation::Action::substituted: return "substituted";
    case Adaptation::Action::client_side: return "client_side";
    case Adaptation::Action::satisfied: return "satisfied";
    case Adaptation::Action::defaulted: return "defaulted";
  }
  std::unreachable();
}

Completion& Reply::completion() noexcept {
  assert(!completions.empty());
  return completions.front();
}

const Completion& Reply::completion() const noexcept {
  assert(!completions.empty());
  return completions.front();
}

}  // namespace dspy
