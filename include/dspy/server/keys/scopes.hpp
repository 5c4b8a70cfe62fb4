#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

/// The scopes that endpoints of `dspy serve` ask for, in the order of their names.
std::span<const std::string_view> known_scopes() noexcept;

/// Throws `Error` (`bad_input`) that names the first of `scopes` which is neither known, nor one of `own`, nor `*`, nor
/// `model:` and a name: a key with it could do less than whoever makes it believes.
void require_known_scopes(const std::vector<std::string>& scopes, const std::vector<std::string>& own = {});

}  // namespace dspy::server
