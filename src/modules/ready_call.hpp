#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/modules/predictor.hpp"

#include <memory>
#include <optional>

namespace dspy {

/// A call that is ready to be made: its checked inputs, and owners of everything it uses.
struct Predictor::Ready {
  JsonObject inputs = {};
  std::shared_ptr<LM> lm = {};  ///< Null where none was configured.
  std::shared_ptr<const Adapter> adapter = {};
  std::shared_ptr<const Exchange> exchange = {};
  std::optional<Chat> prompt = {};  ///< If it was formatted already.
};

}  // namespace dspy
