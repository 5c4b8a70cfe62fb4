#include "dspy/lm/middleware/stack.hpp"

#include "dspy/base/error.hpp"

#include <ranges>
#include <utility>

namespace dspy {

std::shared_ptr<LM> stack(std::shared_ptr<LM> lm, const std::vector<Layer>& layers) {
  if (!lm) throw Error(Errc::config_error, "there is no LM to put layers around; give one, such as dspy::lm(…)");
  for (const auto& layer : layers | std::views::reverse) {
    if (!layer) throw Error(Errc::config_error, "one of the layers around an LM is an empty function; leave it out");
    lm = layer(std::move(lm));
  }
  return lm;
}

}  // namespace dspy
