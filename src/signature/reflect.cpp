#include "dspy/signature/reflect.hpp"

#include "dspy/base/error.hpp"
#include "fit.hpp"

#include <format>

namespace dspy::detail {

void refuse_kind(const Json& value, std::string_view wanted) {
  throw Unfit{std::format("is {}, not {}", kind_of(value), wanted)};
}

void refuse_range(const Json& value, std::int64_t lowest, std::uint64_t highest) {
  throw Unfit{std::format("is {}, beyond its C++ type ({} to {}); widen the type, or give the field limits",
                          to_text(value), lowest, highest)};
}

void refuse_range(const Json& value, double highest) {
  throw Unfit{std::format("is {}, beyond its C++ type (±{:g}); widen the type, or give the field limits",
                          to_text(value), highest)};
}

void refuse_name(const Json& value) {
  throw Unfit{std::format("is `{}`, which is no enumerator of its enumeration", shown(value))};
}

void refuse_enumerator(long long value) {
  throw Unfit{std::format("holds {}, which is no enumerator of its enumeration; initialise it", value)};
}

void refuse_to_write(std::string_view member, const Unfit& unfit) {
  throw Error(Errc::bad_input, std::format("the input `{}` {}", member, unfit.reason),
              {.invalid = {std::string(member)}});
}

void refuse_to_read(std::string_view member, const Unfit& unfit) {
  throw Error(Errc::parse_error, std::format("the field `{}` {}", member, unfit.reason),
              {.invalid = {std::string(member)}});
}

}  // namespace dspy::detail
