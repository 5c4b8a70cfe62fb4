#pragma once

#include "dspy/server/keys/key.hpp"

namespace dspy::server {

/// The rights of a key `wanted` by `maker`: omitted ones (models, limits, expiry) default to the maker's.  If the maker
/// has limits, the key shares them and their spending.  Throws `HttpError` (403) that names any right the maker does
/// not have.
Key bounded(Key wanted, const Key& maker);

/// Throws `HttpError` (403) that names what `key` has and `holder` has not: who shows `holder` may neither get the
/// secret of such a key nor take it back.
void require_no_more(const Key& key, const Key& holder);

}  // namespace dspy::server
