// Operators, members, items and slices, as Python has them.

#include "llama/jinja/values/characters.hpp"
#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <algorithm>
#include <cmath>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::llama::jinja {
namespace {

[[noreturn]] void refuse(const Work& work, std::string_view sign, const Value& left, const Value& right) {
  for (const auto* side : {&left, &right}) {
    if (const auto* const undefined = side->if_undefined())
      work.fail(std::format("`{}` is undefined", undefined->name.empty() ? "a value" : undefined->name));
  }
  work.fail(std::format("`{}` does not go with {} and {}", sign, left.type_name(), right.type_name()));
}

std::int64_t floor_division(std::int64_t a, std::int64_t b) noexcept {
  return a / b - static_cast<std::int64_t>(a % b != 0 && (a < 0) != (b < 0));
}

Value whole_numbers(const Work& work, std::string_view sign, std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  bool is_too_large = false;
  if (sign == "+")
    is_too_large = __builtin_add_overflow(a, b, &out);
  else if (sign == "-")
    is_too_large = __builtin_sub_overflow(a, b, &out);
  else if (sign == "*")
    is_too_large = __builtin_mul_overflow(a, b, &out);
  else if (sign == "**" && b >= 0) {
    out = 1;
    for (; b > 0 && !is_too_large; --b) {
      is_too_large = __builtin_mul_overflow(out, a, &out);
      if (out == 0 || (out == 1 && a == 1)) break;
      if (a == -1) return b % 2 == 0 ? std::int64_t{-out} : out;
    }
  } else if (sign == "**" || sign == "/") {
    if (b == 0) work.fail("it divides by zero");
    return sign == "/" ? static_cast<double>(a) / static_cast<double>(b)
                       : std::pow(static_cast<double>(a), static_cast<double>(b));
  } else {
    if (b == 0) work.fail("it divides by zero");
    if (b == -1) return sign == "//" ? whole_numbers(work, "-", 0, a) : Value(std::int64_t{0});
    out = sign == "//" ? floor_division(a, b) : a - floor_division(a, b) * b;
  }
  if (is_too_large) work.fail("a number is too large");
  return out;
}

Value numbers(const Work& work, std::string_view sign, double a, double b) {
  if (sign == "+") return a + b;
  if (sign == "-") return a - b;
  if (sign == "*") return a * b;
  if (sign == "**") return std::pow(a, b);
  if (b == 0) work.fail("it divides by zero");
  if (sign == "/") return a / b;
  if (sign == "//") return std::floor(a / b);
  return a - std::floor(a / b) * b;
}

std::optional<Value> repeated(Work& work, const Value& value, const Value& times) {
  const auto count = times.integer();
  if (!count || (value.text() == nullptr && value.list() == nullptr)) return std::nullopt;
  const auto often = static_cast<std::size_t>(std::clamp<std::int64_t>(*count, 0, std::int64_t{1} << 32));
  if (const auto* const text = value.text()) {
    work.write(often * std::max<std::size_t>(text->size(), 1));
    Text out;
    for (std::size_t i = 0; i < often; ++i) out.append(*text);
    return out;
  }
  const auto& list = *value.list();
  work.spend(often * std::max<std::size_t>(list.size(), 1));
  List out;
  for (std::size_t i = 0; i < often; ++i) out.insert(out.end(), list.begin(), list.end());
  return Value(std::move(out), value.is_tuple());
}

struct Range {
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::int64_t step = 1;
};

/// As Python's `slice.indices`.
Range range_of(const Work& work, std::size_t size, const Value& from, const Value& to, const Value& step) {
  const auto given = [&](const Value& value) -> std::optional<std::int64_t> {
    if (value.is_none() || value.is_undefined()) return std::nullopt;
    if (const auto number = value.integer()) return number;
    work.fail(std::format("a slice needs whole numbers, not {}", value.type_name()));
  };
  Range out;
  const auto count = static_cast<std::int64_t>(size);
  out.step = std::clamp(given(step).value_or(1), -count - 1, count + 1);
  if (out.step == 0) work.fail("the step of a slice is zero");
  const bool is_back = out.step < 0;
  const auto least = is_back ? std::int64_t{-1} : std::int64_t{0};
  const auto most = is_back ? count - 1 : count;
  const auto clamped = [&](const Value& value, std::int64_t preset) {
    const auto number = given(value);
    if (!number) return preset;
    return std::clamp(*number < 0 && *number >= -count - 1 ? *number + count : *number, least, most);
  };
  out.from = clamped(from, is_back ? most : least);
  out.to = clamped(to, is_back ? least : most);
  return out;
}

}  // namespace

Value arithmetic(Work& work, std::string_view sign, const Value& left, const Value& right) {
  if (sign == "~") {
    auto out = shown(left);
    out.append(shown(right));
    work.write(out.size());
    return out;
  }
  if (const auto a = left.integer(), b = right.integer(); a && b) return whole_numbers(work, sign, *a, *b);
  if (const auto a = left.number(), b = right.number(); a && b) return numbers(work, sign, *a, *b);
  if (sign == "+" && left.text() != nullptr && right.text() != nullptr) {
    auto out = *left.text();
    out.append(*right.text());
    work.write(out.size());
    return out;
  }
  if (sign == "+" && left.list() != nullptr && right.list() != nullptr && left.is_tuple() == right.is_tuple()) {
    auto out = *left.list();
    out.insert(out.end(), right.list()->begin(), right.list()->end());
    work.spend(out.size());
    return Value(std::move(out), left.is_tuple());
  }
  if (sign == "*") {
    if (auto out = repeated(work, left, right)) return *std::move(out);
    if (auto out = repeated(work, right, left)) return *std::move(out);
  }
  if (sign == "%" && left.text() != nullptr) {
    Arguments arguments{.positional = {left}};
    if (right.is_tuple())
      arguments.positional.insert(arguments.positional.end(), right.list()->begin(), right.list()->end());
    else
      arguments.positional.push_back(right);
    return find_filter("format")(work, arguments);
  }
  refuse(work, sign, left, right);
}

bool compared(Work& work, std::string_view sign, const Value& left, const Value& right) {
  if (sign == "==") return left == right;
  if (sign == "!=") return !(left == right);
  if (sign == "in") return contains(work, right, left);
  if (sign == "not in") return !contains(work, right, left);
  const auto order = left.order(right);
  if (!order) refuse(work, sign, left, right);
  if (sign == "<") return std::is_lt(*order);
  if (sign == "<=") return std::is_lteq(*order);
  return sign == ">" ? std::is_gt(*order) : std::is_gteq(*order);
}

bool contains(Work& work, const Value& container, const Value& item) {
  if (const auto* const text = container.text()) {
    if (item.text() == nullptr) refuse(work, "in", item, container);
    work.write(text->size() / 8);
    return text->view().contains(item.text()->view());
  }
  if (const auto* const list = container.list()) {
    work.spend(list->size());
    return std::ranges::contains(*list, item);
  }
  if (const auto* const dict = container.dict()) {
    work.spend(dict->members.size());
    return dict->find(item) != nullptr;
  }
  if (container.is_undefined()) return false;
  refuse(work, "in", item, container);
}

Value negated(Work& work, std::string_view sign, const Value& value) {
  if (sign == "not") return !value.truth();
  if (const auto whole = value.integer()) return sign == "-" ? whole_numbers(work, "-", 0, *whole) : Value(*whole);
  if (const auto number = value.number()) return sign == "-" ? -*number : *number;
  work.fail(std::format("`{}` does not go with {}", sign, value.type_name()));
}

List items_of(Work& work, const Value& value) {
  if (const auto* const list = value.list()) {
    work.spend(list->size());
    return *list;
  }
  List out;
  if (const auto* const dict = value.dict()) {
    for (const auto& [key, unused] : dict->members) out.push_back(key);
  } else if (const auto* const text = value.text()) {
    work.spend(text->size());
    for (std::size_t at = 0; at < text->size();) {
      const auto end = at + first_size(text->view().substr(at));
      out.emplace_back(text->part(at, end));
      at = end;
    }
  } else if (!value.is_undefined()) {
    work.fail(std::format("{} cannot be gone over", value.type_name()));
  }
  work.spend(out.size());
  return out;
}

Value member(Work& work, const Value& object, std::string_view name) {
  if (const auto* const undefined = object.if_undefined())
    work.fail(std::format("`{}` is undefined, so it has no `.{}`",
                          undefined->name.empty() ? "a value" : undefined->name, name));
  if (const auto method = find_method(object, name); method != nullptr) {
    return Callable{.name = std::string(name), .call = [object, method](Work& inside, const Arguments& given) {
                      Arguments all{.positional = {object}, .named = given.named};
                      all.positional.insert(all.positional.end(), given.positional.begin(), given.positional.end());
                      return method(inside, all);
                    }};
  }
  const auto* const space = object.changeable();
  const auto* const dict = space != nullptr ? &space->members : object.dict();
  const auto* const found = dict == nullptr ? nullptr : dict->find(name);
  return found == nullptr ? Value::undefined(std::string(name)) : *found;
}

Value item(Work& work, const Value& object, const Value& key) {
  const auto number = key.integer();
  if (number && (object.list() != nullptr || object.text() != nullptr)) {
    const auto size = object.list() != nullptr ? object.list()->size() : length(object.text()->view());
    const auto index = *number < 0 ? *number + static_cast<std::int64_t>(size) : *number;
    if (index < 0 || index >= static_cast<std::int64_t>(size)) return Value::undefined(std::format("[{}]", *number));
    const auto at = static_cast<std::size_t>(index);
    if (object.list() != nullptr) return (*object.list())[at];
    const auto& text = *object.text();
    const auto begin = offset(text.view(), at);
    return text.part(begin, begin + first_size(text.view().substr(begin)));
  }
  if (const auto* const dict = object.dict()) {
    if (const auto* const found = dict->find(key)) return *found;
  }
  if (const auto* const name = key.text()) return member(work, object, name->view());
  if (const auto* const undefined = object.if_undefined())
    work.fail(
        std::format("`{}` is undefined, so it has no items", undefined->name.empty() ? "a value" : undefined->name));
  return Value::undefined(shown(key).bytes());
}

Value slice(Work& work, const Value& object, const Value& from, const Value& to, const Value& step) {
  const auto* const text = object.text();
  const auto* const list = object.list();
  if (text == nullptr && list == nullptr) work.fail(std::format("{} has no slices", object.type_name()));
  const auto size = text != nullptr ? length(text->view()) : list->size();
  const auto range = range_of(work, size, from, to, step);
  if (text != nullptr) work.write(size);
  if (text == nullptr || range.step != 1) work.spend(size);
  if (text != nullptr && range.step == 1) {
    const auto begin = offset(text->view(), static_cast<std::size_t>(range.from));
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(range.to - range.from, 0));
    return text->part(begin, begin + offset(text->view().substr(begin), count));
  }
  const auto items = text != nullptr ? items_of(work, object) : *list;
  List out;
  for (auto i = range.from; range.step > 0 ? i < range.to : i > range.to; i += range.step)
    out.push_back(items[static_cast<std::size_t>(i)]);
  if (text == nullptr) return Value(std::move(out), object.is_tuple());
  Text joined;
  for (const auto& character : out) joined.append(*character.text());
  return joined;
}

}  // namespace dspy::llama::jinja
