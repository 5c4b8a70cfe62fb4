// A filter from a user: what is read says the same once it was written, and decides about any passage.

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dspy;
  const auto json = parse_json({reinterpret_cast<const char*>(data), size});
  if (!json) return 0;
  try {
    const auto filter = filter_from_json(*json);
    if (!(filter_from_json(Json(to_json(filter))) == filter)) std::abort();
    const JsonObject fields = {{"lang", "en"}, {"year", 2020}, {"tags", JsonArray{"red", 1.5}}, {"none", nullptr}};
    if (filter.matches(fields) == (!filter).matches(fields)) std::abort();
    static_cast<void>(filter.fields());
  } catch (const Error& error) {
    if (error.code() != Errc::invalid_parameter) std::abort();
  }
  return 0;
}
