#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dspy::app {

/// What `dspy doctor` has found out about one thing.
struct Finding {
  enum class Level : std::uint8_t { ok, warning, failure };

  Level level = Level::ok;
  std::string subject;
  std::string text;
};

/// Of what lies outside this program: `dspy.toml`, proxies, the cache, and the models at providers: their keys, whether
/// they can be reached, whether they know the model, and their clock.  `model`: another one than the file's; may be
/// empty.
void examine_outside(const std::string& model, std::vector<Finding>& findings);

}  // namespace dspy::app
