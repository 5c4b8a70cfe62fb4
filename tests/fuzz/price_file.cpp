// Price files that somebody wrote: read or refused; no price is negative, and no cost is.

#include "dspy/base/error.hpp"
#include "dspy/lm/prices.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = dspy::parse_json(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!json || !json->is_object()) return 0;
  try {
    const auto table = dspy::PriceTable::from_json(json->get_object());
    for (const auto& [model, price] : table.prices()) {
      const auto some = dspy::cost(price, {.prompt_tokens = size, .completion_tokens = ~std::uint64_t{0} >> 1});
      if (some && *some < 0) std::abort();
      if (!table.find(model)) std::abort();
    }
  } catch (const dspy::Error& error) {
    if (error.code() != dspy::Errc::config_error) std::abort();
  }
  return 0;
}
