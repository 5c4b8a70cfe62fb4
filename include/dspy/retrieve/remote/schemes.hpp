#pragma once

#include "dspy/retrieve/remote/remote_store.hpp"

namespace dspy {

/// Including this teaches `open_store` the schemes of remote stores.
inline const bool remote_store_schemes = register_remote_stores();

}  // namespace dspy
