// `is …`

#include "llama/jinja/values/argument.hpp"
#include "llama/jinja/values/characters.hpp"
#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <format>
#include <string_view>

namespace dspy::llama::jinja {
namespace {

template <bool (*Test)(const Value&)>
Value about(Work& work, const Arguments& arguments) {
  return Test(subject(work, arguments));
}

bool is_boolean(const Value& value) {
  return value.is_bool();
}
bool is_callable(const Value& value) {
  return value.callable() != nullptr;
}
bool is_defined(const Value& value) {
  return !value.is_undefined();
}
bool is_false(const Value& value) {
  return value.is_bool() && !value.truth();
}
bool is_true(const Value& value) {
  return value.is_bool() && value.truth();
}
bool is_float(const Value& value) {
  return value.is_float();
}
bool is_integer(const Value& value) {
  return value.is_integer();
}
bool is_mapping(const Value& value) {
  return value.dict() != nullptr;
}
bool is_none(const Value& value) {
  return value.is_none();
}
bool is_number(const Value& value) {
  return value.is_number();
}
bool is_string(const Value& value) {
  return value.text() != nullptr;
}
bool is_undefined(const Value& value) {
  return value.is_undefined();
}
bool is_sequence(const Value& value) {
  return value.text() != nullptr || value.list() != nullptr || value.dict() != nullptr || value.is_undefined();
}
bool is_iterable(const Value& value) {
  return is_sequence(value);
}
bool is_lower(const Value& value) {
  const auto text = shown(value);
  return lower(text.view()) == text.view() && upper(text.view()) != text.view();
}
bool is_upper(const Value& value) {
  const auto text = shown(value);
  return upper(text.view()) == text.view() && lower(text.view()) != text.view();
}

std::int64_t remainder(Work& work, const Value& value, std::int64_t by) {
  const auto number = value.integer();
  if (!number) work.fail(std::format("{} is not a whole number", value.type_name()));
  return *arithmetic(work, "%", *number, by).integer();
}

Value is_divisible(Work& work, const Arguments& arguments) {
  return remainder(work, subject(work, arguments), whole_argument(work, arguments, 1, "num", 1)) == 0;
}

template <std::int64_t Rest>
Value has_rest(Work& work, const Arguments& arguments) {
  return remainder(work, subject(work, arguments), 2) == Rest;
}

constexpr std::array<std::string_view, 7> signs = {"==", "!=", "<", "<=", ">", ">=", "in"};
template <std::size_t Sign>
Value comparison(Work& work, const Arguments& arguments) {
  return compared(work, signs[Sign], subject(work, arguments), required(work, arguments, 1, "other"));
}

Value is_same(Work& work, const Arguments& arguments) {
  const auto& a = subject(work, arguments);
  const auto& b = required(work, arguments, 1, "other");
  return a.type_name() == b.type_name() && a == b;
}

Value is_filter(Work& work, const Arguments& arguments) {
  return find_filter(shown(subject(work, arguments)).view()) != nullptr;
}

Value is_test(Work& work, const Arguments& arguments) {
  return find_test(shown(subject(work, arguments)).view()) != nullptr;
}

constexpr auto table = std::to_array<Named>({
    {"!=", comparison<1>},
    {"<", comparison<2>},
    {"<=", comparison<3>},
    {"==", comparison<0>},
    {">", comparison<4>},
    {">=", comparison<5>},
    {"boolean", about<is_boolean>},
    {"callable", about<is_callable>},
    {"defined", about<is_defined>},
    {"divisibleby", is_divisible},
    {"eq", comparison<0>},
    {"equalto", comparison<0>},
    {"even", has_rest<0>},
    {"false", about<is_false>},
    {"filter", is_filter},
    {"float", about<is_float>},
    {"ge", comparison<5>},
    {"greaterthan", comparison<4>},
    {"gt", comparison<4>},
    {"in", comparison<6>},
    {"integer", about<is_integer>},
    {"iterable", about<is_iterable>},
    {"le", comparison<3>},
    {"lessthan", comparison<2>},
    {"lower", about<is_lower>},
    {"lt", comparison<2>},
    {"mapping", about<is_mapping>},
    {"ne", comparison<1>},
    {"none", about<is_none>},
    {"number", about<is_number>},
    {"odd", has_rest<1>},
    {"sameas", is_same},
    {"sequence", about<is_sequence>},
    {"string", about<is_string>},
    {"test", is_test},
    {"true", about<is_true>},
    {"undefined", about<is_undefined>},
    {"upper", about<is_upper>},
});
static_assert(std::ranges::is_sorted(table, {}, &Named::name));

}  // namespace

BuiltIn find_test(std::string_view name) noexcept {
  return find_in(table, name);
}

}  // namespace dspy::llama::jinja
