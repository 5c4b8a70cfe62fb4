#include "llama/jinja/values/sort_keys.hpp"

#include "llama/jinja/values/characters.hpp"
#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <algorithm>
#include <charconv>
#include <compare>
#include <cstdint>
#include <format>
#include <string>
#include <string_view>
#include <system_error>

namespace dspy::llama::jinja {

Value path_of(Work& work, Value object, std::string_view path) {
  while (!path.empty()) {
    const auto part = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(part.size() + 1, path.size()));
    std::int64_t index = 0;
    const auto* const end = part.data() + part.size();
    const auto [parsed, error] = std::from_chars(part.data(), end, index);
    object = error == std::errc{} && parsed == end ? item(work, object, index)
                                                   : item(work, object, Value::own(std::string(part)));
  }
  return object;
}

Value key_of(const Value& value, bool is_exact) {
  if (is_exact || value.text() == nullptr) return value;
  return Value::own(lower(value.text()->view()));
}

bool before(const Work& work, const Value& a, const Value& b) {
  const auto order = a.order(b);
  if (!order) work.fail(std::format("{} and {} have no order", a.type_name(), b.type_name()));
  return std::is_lt(*order);
}

}  // namespace dspy::llama::jinja
