#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/modules/predictor.hpp"

#include <memory>
#include <optional>

namespace dspy {

/// A call with its checked inputs, and what makes it, which is kept alive.
struct Predictor::Ready {
  JsonObject inputs = {};
  std::shared_ptr<LM> lm = {};  ///< Null where none was configured.
  std::shared_ptr<const Adapter> adapter = {};
  std::shared_ptr<const Exchange> exchange = {};
  std::optional<Chat> prompt = {};  ///< Where it was written already.
};

}  // namespace dspy
