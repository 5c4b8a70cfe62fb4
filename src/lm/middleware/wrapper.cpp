#include "lm/middleware/wrapper.hpp"

#include <format>

namespace dspy {

Error with_attempts(const Error& error, const Usage& earlier, std::size_t attempts) {
  if (attempts < 2) return error;
  auto info = error.info();
  info.usage += earlier;
  return {error.code(), std::format("{} (after {} attempts)", error.what(), attempts), std::move(info)};
}

}  // namespace dspy
