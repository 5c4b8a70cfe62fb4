// Filters of lists and dicts.

#include "llama/jinja/values/argument.hpp"
#include "llama/jinja/values/characters.hpp"
#include "llama/jinja/values/sort_keys.hpp"
#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <format>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::llama::jinja {
namespace {

/// Texts and dicts go by their characters and names.
std::size_t size_of(const Work& work, const Value& value) {
  if (value.text() != nullptr) return length(value.text()->view());
  if (value.list() != nullptr) return value.list()->size();
  if (value.dict() != nullptr) return value.dict()->members.size();
  if (value.is_undefined()) return 0;
  work.fail(std::format("{} has no length", value.type_name()));
}

Value attribute(Work& work, const Arguments& arguments) {
  return member(work, subject(work, arguments), text_argument(work, arguments, 1, "name").view());
}

Value batches(Work& work, const Arguments& arguments) {
  const auto size = std::max<std::size_t>(size_argument(work, arguments, 1, "linecount", 1), 1);
  const auto* const fill = arguments.find(2, "fill_with");
  List out, now;
  for (auto& each : items_of(work, subject(work, arguments))) {
    now.push_back(std::move(each));
    if (now.size() == size) out.emplace_back(std::exchange(now, {}));
  }
  if (!now.empty()) {
    if (fill != nullptr && !fill->is_none()) {
      work.spend(size);
      now.resize(size, *fill);
    }
    out.emplace_back(std::move(now));
  }
  return out;
}

Value count(Work& work, const Arguments& arguments) {
  return Value::count(size_of(work, subject(work, arguments)));
}

Value preset(Work& work, const Arguments& arguments) {
  const auto& value = subject(work, arguments);
  const bool takes_false = truth_argument(arguments, 2, "boolean", false);
  if (!value.is_undefined() && (!takes_false || value.truth())) return value;
  const auto* const other = arguments.find(1, "default_value");
  return other == nullptr ? Value::own({}) : *other;
}

Value pairs(Work& work, const Arguments& arguments) {
  const auto& value = subject(work, arguments);
  List out;
  if (value.is_undefined()) return out;
  if (value.dict() == nullptr) work.fail(std::format("`items` does not go with {}", value.type_name()));
  for (const auto& [key, each] : value.dict()->members) out.emplace_back(List{key, each}, true);
  work.spend(out.size());
  return out;
}

Value sorted_pairs(Work& work, const Arguments& arguments) {
  const auto& value = subject(work, arguments);
  if (value.dict() == nullptr) work.fail(std::format("`dictsort` does not go with {}", value.type_name()));
  auto list = *pairs(work, {.positional = {value}}).list();
  const bool is_exact = truth_argument(arguments, 1, "case_sensitive", false);
  const auto* const by = arguments.find(2, "by");
  const std::size_t part = by != nullptr && text_of(*by).view() == "value" ? 1 : 0;
  std::ranges::stable_sort(list, [&](const Value& a, const Value& b) {
    return before(work, key_of((*a.list())[part], is_exact), key_of((*b.list())[part], is_exact));
  });
  if (truth_argument(arguments, 3, "reverse", false)) std::ranges::reverse(list);
  return list;
}

Value first(Work& work, const Arguments& arguments) {
  auto list = items_of(work, subject(work, arguments));
  return list.empty() ? Value::undefined("first") : std::move(list.front());
}

Value groups(Work& work, const Arguments& arguments) {
  const auto path = text_argument(work, arguments, 1, "attribute");
  std::vector<std::pair<Value, List>> found;
  for (auto& each : items_of(work, subject(work, arguments))) {
    const auto key = path_of(work, each, path.view());
    work.spend(found.size());
    auto group = std::ranges::find(found, key, &std::pair<Value, List>::first);
    if (group == found.end()) group = found.insert(found.end(), {key, {}});
    group->second.push_back(std::move(each));
  }
  std::ranges::stable_sort(found, [&](const auto& a, const auto& b) {
    return before(work, key_of(a.first, false), key_of(b.first, false));
  });
  List out;
  for (auto& [key, list] : found) out.emplace_back(List{key, Value(std::move(list))}, true);
  return out;
}

Value joined(Work& work, const Arguments& arguments) {
  const auto* const given = arguments.find(1, "d");
  const auto between = given == nullptr ? Text() : text_of(*given);
  const auto* const path = arguments.find(2, "attribute");
  Text out;
  bool is_first = true;
  for (const auto& each : items_of(work, subject(work, arguments))) {
    if (!std::exchange(is_first, false)) out.append(between);
    const auto text = path == nullptr ? shown(each) : shown(path_of(work, each, text_of(*path).view()));
    work.write(text.size() + between.size());
    out.append(text);
  }
  return out;
}

Value last(Work& work, const Arguments& arguments) {
  auto list = items_of(work, subject(work, arguments));
  return list.empty() ? Value::undefined("last") : std::move(list.back());
}

Value listed(Work& work, const Arguments& arguments) {
  return items_of(work, subject(work, arguments));
}

/// The arguments of a filter or a test that is put to each item: what follows the first `from`.
Arguments rest_of(const Arguments& arguments, std::size_t from) {
  Arguments out{.positional = {Value()}, .named = arguments.named};
  for (auto i = from; i < arguments.positional.size(); ++i) out.positional.push_back(arguments.positional[i]);
  return out;
}

Value mapped(Work& work, const Arguments& arguments) {
  List out;
  const auto* const path = arguments.positional.size() > 1 ? nullptr : arguments.find(9, "attribute");
  if (path != nullptr) {
    const auto* const other = arguments.find(9, "default");
    for (const auto& each : items_of(work, subject(work, arguments))) {
      auto value = path->integer() ? item(work, each, *path) : path_of(work, each, text_of(*path).view());
      out.push_back(value.is_undefined() && other != nullptr ? *other : std::move(value));
    }
    return out;
  }
  const auto name = text_argument(work, arguments, 1, "filter");
  const auto filter = find_filter(name.view());
  if (filter == nullptr) work.fail(std::format("there is no filter `{}`", name.view()));
  auto inside = rest_of(arguments, 2);
  for (const auto& each : items_of(work, subject(work, arguments))) {
    inside.positional.front() = each;
    out.push_back(filter(work, inside));
  }
  return out;
}

/// Those items that a test (or truth, where none is named) takes, of what `part` shows of them.
Value chosen(Work& work, const Arguments& arguments, std::size_t name_at, bool wanted,
             const std::function<Value(const Value&)>& part) {
  const auto* const name = arguments.find(name_at, "test");
  const auto test = name == nullptr ? nullptr : find_test(text_of(*name).view());
  if (name != nullptr && test == nullptr) work.fail(std::format("there is no test `{}`", text_of(*name).view()));
  auto inside = rest_of(arguments, name_at + 1);
  List out;
  for (auto& each : items_of(work, subject(work, arguments))) {
    inside.positional.front() = part(each);
    const bool taken = test == nullptr ? inside.positional.front().truth() : test(work, inside).truth();
    if (taken == wanted) out.push_back(std::move(each));
  }
  return out;
}

template <bool Wanted>
Value selected(Work& work, const Arguments& arguments) {
  return chosen(work, arguments, 1, Wanted, [](const Value& value) { return value; });
}

template <bool Wanted>
Value selected_by(Work& work, const Arguments& arguments) {
  const auto path = text_argument(work, arguments, 1, "attribute");
  return chosen(work, arguments, 2, Wanted, [&](const Value& value) { return path_of(work, value, path.view()); });
}

template <bool Greatest>
Value extreme(Work& work, const Arguments& arguments) {
  const bool is_exact = truth_argument(arguments, 1, "case_sensitive", false);
  const auto* const path = arguments.find(2, "attribute");
  const auto key = [&](const Value& value) {
    return key_of(path == nullptr ? value : path_of(work, value, text_of(*path).view()), is_exact);
  };
  const auto list = items_of(work, subject(work, arguments));
  if (list.empty()) return Value::undefined(Greatest ? "max" : "min");
  const auto less = [&](const Value& a, const Value& b) {
    return Greatest ? before(work, key(b), key(a)) : before(work, key(a), key(b));
  };
  return *std::ranges::min_element(list, less);
}

Value reversed(Work& work, const Arguments& arguments) {
  const auto& value = subject(work, arguments);
  if (value.text() != nullptr) return slice(work, value, Value::None(), Value::None(), std::int64_t{-1});
  auto list = items_of(work, value);
  std::ranges::reverse(list);
  return list;
}

Value sorted(Work& work, const Arguments& arguments) {
  auto list = items_of(work, subject(work, arguments));
  const bool is_back = truth_argument(arguments, 1, "reverse", false);
  const bool is_exact = truth_argument(arguments, 2, "case_sensitive", false);
  const auto* const path = arguments.find(3, "attribute");
  const auto key = [&](const Value& value) {
    return key_of(path == nullptr ? value : path_of(work, value, text_of(*path).view()), is_exact);
  };
  work.spend(list.size() * 8);
  std::ranges::stable_sort(list, [&](const Value& a, const Value& b) {
    return is_back ? before(work, key(b), key(a)) : before(work, key(a), key(b));
  });
  return list;
}

Value sum(Work& work, const Arguments& arguments) {
  const auto* const path = arguments.find(1, "attribute");
  const auto* const start = arguments.find(2, "start");
  auto out = start == nullptr ? Value(std::int64_t{0}) : *start;
  for (const auto& each : items_of(work, subject(work, arguments)))
    out = arithmetic(work, "+", out, path == nullptr ? each : path_of(work, each, text_of(*path).view()));
  return out;
}

Value unique(Work& work, const Arguments& arguments) {
  const bool is_exact = truth_argument(arguments, 1, "case_sensitive", false);
  const auto* const path = arguments.find(2, "attribute");
  List out, seen;
  for (auto& each : items_of(work, subject(work, arguments))) {
    auto key = key_of(path == nullptr ? each : path_of(work, each, text_of(*path).view()), is_exact);
    work.spend(seen.size());
    if (std::ranges::contains(seen, key)) continue;
    seen.push_back(std::move(key));
    out.push_back(std::move(each));
  }
  return out;
}

constexpr auto table = std::to_array<Named>({
    {"attr", attribute},
    {"batch", batches},
    {"count", count},
    {"d", preset},
    {"default", preset},
    {"dictsort", sorted_pairs},
    {"first", first},
    {"groupby", groups},
    {"items", pairs},
    {"join", joined},
    {"last", last},
    {"length", count},
    {"list", listed},
    {"map", mapped},
    {"max", extreme<true>},
    {"min", extreme<false>},
    {"reject", selected<false>},
    {"rejectattr", selected_by<false>},
    {"reverse", reversed},
    {"select", selected<true>},
    {"selectattr", selected_by<true>},
    {"sort", sorted},
    {"sum", sum},
    {"unique", unique},
});
static_assert(std::ranges::is_sorted(table, {}, &Named::name));

}  // namespace

BuiltIn find_list_filter(std::string_view name) noexcept {
  return find_in(table, name);
}

}  // namespace dspy::llama::jinja
