#pragma once

#include "dspy/server/keys/key_store.hpp"
#include "dspy/server/spending.hpp"

#include <memory>

namespace dspy::app {

/// The budgets of keys, for the protocols of others.  Null without keys.
std::shared_ptr<server::Spending> spending_of(std::shared_ptr<server::KeyStore> keys);

}  // namespace dspy::app
