#pragma once

#include "dspy/lm/middleware/router.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace dspy {

struct AffinityOptions {
  /// How much of a prompt's text decides.  Programs and conversations keep their beginning.
  std::size_t prefix_bytes = 1'024;
  /// Of the LMs that are asked when the one of a prefix cannot answer.
  RouterOptions routing = {};
};

/// Shares requests out by the beginning of their prompts: equal beginnings go to the same LM, whose provider or engine
/// then has them in its prompt cache.  Each LM gets beginnings by its weight, and where one is added or removed, only
/// the beginnings of that one move (rendezvous hashing, Thaler and Ravishankar 1998).  If it cannot answer, the others
/// are asked, and routes of other uses as `router` does.  Throws `Error` (`config_error`, `invalid_parameter`) as
/// `router` does.
std::shared_ptr<LM> affine_router(std::vector<Route> routes, AffinityOptions options = {},
                                  const std::shared_ptr<const PriceTable>& prices = {}, const Timing& timing = {});

}  // namespace dspy
