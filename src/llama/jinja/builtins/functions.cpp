// What templates can call by name.

#include "llama/jinja/values/argument.hpp"
#include "llama/jinja/values/fault.hpp"
#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <string>
#include <string_view>

namespace dspy::llama::jinja {
namespace {

Dict members_of(const Work& work, const Arguments& arguments) {
  Dict out;
  for (const auto& each : arguments.positional) {
    if (each.dict() == nullptr) work.fail("a dict, or names with values, belong here");
    for (const auto& [key, value] : each.dict()->members) out.set(key, value);
  }
  for (const auto& [name, value] : arguments.named) out.set(Value::own(name), value);
  return out;
}

Value dict(Work& work, const Arguments& arguments) {
  work.spend(arguments.named.size());
  return members_of(work, arguments);
}

Value space(Work& work, const Arguments& arguments) {
  work.spend(arguments.named.size());
  return Value::changeable(members_of(work, arguments));
}

Value raise_exception(Work& work, const Arguments& arguments) {
  throw refusal(work.here(), text_of(required(work, arguments, 0, "message")).view());
}

Value range(Work& work, const Arguments& arguments) {
  const bool is_one = arguments.positional.size() == 1;
  const auto from = is_one ? 0 : whole_argument(work, arguments, 0, "start", 0);
  const auto to = whole_argument(work, arguments, is_one ? 0 : 1, "stop", 0);
  const auto step = whole_argument(work, arguments, 2, "step", 1);
  if (arguments.positional.empty()) work.fail("`range` needs an end");
  if (step == 0) work.fail("the step of a range is zero");
  List out;
  for (auto i = from; step > 0 ? i < to : i > to;) {
    work.spend(1);
    out.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return out;
}

/// The local time, as Python's `datetime.now().strftime`.
Value time_text(Work& work, const Arguments& arguments) {
  const auto format = text_argument(work, arguments, 0, "format");
  if (format.empty()) return Text();
  const auto now = std::chrono::system_clock::to_time_t(work.now());
  std::tm parts{};
  if (localtime_r(&now, &parts) == nullptr) work.fail("the time is not known");
  std::array<char, 512> buffer{};
  // A blank, since nothing written is an error and an empty text is none.
  const auto size = std::strftime(buffer.data(), buffer.size(), (format.bytes() + " ").c_str(), &parts);
  if (size == 0) work.fail("a time's format is too long");
  return format.with(std::string(buffer.data(), size - 1));
}

constexpr auto table = std::to_array<Named>({
    {"dict", dict},
    {"namespace", space},
    {"raise_exception", raise_exception},
    {"range", range},
    {"strftime_now", time_text},
});
static_assert(std::ranges::is_sorted(table, {}, &Named::name));

}  // namespace

BuiltIn find_function(std::string_view name) noexcept {
  return find_in(table, name);
}

}  // namespace dspy::llama::jinja
