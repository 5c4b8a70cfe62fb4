#pragma once

#include "dspy/server/keys/key.hpp"

namespace dspy::server {

/// What `maker` may give away as `wanted`: what is left out (models, limits, expiry) is as the maker's own.  A key
/// whose maker has limits shares them, and what was spent, with it.  Throws `HttpError` (403) that names what is more
/// than the maker has.
Key bounded(Key wanted, const Key& maker);

/// Throws `HttpError` (403) that names what `key` has and `holder` has not: who shows `holder` may neither get the
/// secret of such a key nor take it back.
void require_no_more(const Key& key, const Key& holder);

}  // namespace dspy::server
