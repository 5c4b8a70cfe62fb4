// Methods of Python's `str`, `list` and `dict`.  What would change a list or a dict is refused, as where models are
// trained.

#include "base/unicode/letters.hpp"
#include "llama/jinja/values/argument.hpp"
#include "llama/jinja/values/characters.hpp"
#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <format>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::llama::jinja {
namespace {

const Text& self(const Arguments& arguments) {
  return *arguments.positional.front().text();
}

Value list_of(std::vector<Text> texts) {
  List out;
  out.reserve(texts.size());
  for (auto& text : texts) out.emplace_back(std::move(text));
  return out;
}

template <Side Where>
Value strip(Work& work, const Arguments& arguments) {
  const auto* const given = arguments.find(1, "chars");
  if (given == nullptr || given->is_none()) return stripped(self(arguments), Where, nullptr);
  const auto characters = text_argument(work, arguments, 1, "chars");
  const auto view = characters.view();
  return stripped(self(arguments), Where, &view);
}

template <bool FromRight>
Value cut(Work& work, const Arguments& arguments) {
  const auto* const given = arguments.find(1, "sep");
  const auto most = static_cast<long>(whole_argument(work, arguments, 2, "maxsplit", -1));
  work.write(self(arguments).size());
  const auto way = FromRight ? &split_from_right : &split;
  if (given == nullptr || given->is_none()) return list_of(way(self(arguments), nullptr, most));
  const auto separator = text_argument(work, arguments, 1, "sep");
  if (separator.empty()) work.fail("an empty text separates nothing");
  const auto view = separator.view();
  return list_of(way(self(arguments), &view, most));
}

Value cut_lines(Work& work, const Arguments& arguments) {
  work.write(self(arguments).size());
  return list_of(lines(self(arguments)));
}

/// Whether one of the texts given (one, or a tuple of them) is what `test` wants.
template <bool AtEnd>
Value has_at(Work& work, const Arguments& arguments) {
  const auto& given = required(work, arguments, 1, AtEnd ? "suffix" : "prefix");
  const auto fits = [&](const Value& value) {
    if (value.text() == nullptr) work.fail(std::format("a str belongs here, not {}", value.type_name()));
    const auto view = value.text()->view();
    return AtEnd ? self(arguments).view().ends_with(view) : self(arguments).view().starts_with(view);
  };
  return given.list() != nullptr ? std::ranges::any_of(*given.list(), fits) : fits(given);
}

template <bool AtEnd>
Value without(Work& work, const Arguments& arguments) {
  const auto given = text_argument(work, arguments, 1, AtEnd ? "suffix" : "prefix");
  const auto& text = self(arguments);
  if (AtEnd) return text.view().ends_with(given.view()) ? text.part(0, text.size() - given.size()) : text;
  return text.view().starts_with(given.view()) ? text.part(given.size(), text.size()) : text;
}

template <bool FromRight>
Value place_of(Work& work, const Arguments& arguments) {
  const auto wanted = text_argument(work, arguments, 1, "sub");
  const auto view = self(arguments).view();
  const auto at = FromRight ? view.rfind(wanted.view()) : view.find(wanted.view());
  return at == view.npos ? Value(std::int64_t{-1}) : Value::count(length(view.substr(0, at)));
}

Value times(Work& work, const Arguments& arguments) {
  const auto wanted = text_argument(work, arguments, 1, "sub");
  if (wanted.empty()) return Value::count(length(self(arguments).view()) + 1);
  const auto view = wanted.view();
  return Value::count(split(self(arguments), &view, -1).size() - 1);
}

template <bool (*Fits)(char)>
Value all_are(Work&, const Arguments& arguments) {
  const auto view = self(arguments).view();
  return !view.empty() && std::ranges::all_of(view, Fits);
}
using dspy::text::is_digit;

bool is_letter(char byte) {
  return dspy::text::is_any_letter(byte);
}
bool is_either(char byte) {
  return is_digit(byte) || is_letter(byte);
}

Value is_blank(Work&, const Arguments& arguments) {
  return !self(arguments).empty() && stripped(self(arguments), Side::both, nullptr).empty();
}

template <bool Upper>
Value is_case(Work&, const Arguments& arguments) {
  const auto view = self(arguments).view();
  const auto same = Upper ? upper(view) : lower(view);
  const auto other = Upper ? lower(view) : upper(view);
  return same == view && other != view;
}

Value join(Work& work, const Arguments& arguments) {
  return find_filter("join")(work,
                             {.positional = {required(work, arguments, 1, "iterable"), arguments.positional.front()}});
}

template <bool FromRight>
Value partition(Work& work, const Arguments& arguments) {
  const auto separator = text_argument(work, arguments, 1, "sep");
  if (separator.empty()) work.fail("an empty text separates nothing");
  const auto& text = self(arguments);
  const auto at = FromRight ? text.view().rfind(separator.view()) : text.view().find(separator.view());
  if (at == std::string_view::npos)
    return FromRight ? Value(List{Text(), Text(), text}, true) : Value(List{text, Text(), Text()}, true);
  const auto end = at + separator.size();
  return Value(List{text.part(0, at), text.part(at, end), text.part(end, text.size())}, true);
}

template <std::size_t Name>
Value as_filter(Work& work, const Arguments& arguments) {
  constexpr std::array<std::string_view, 5> names = {"capitalize", "lower", "replace", "title", "upper"};
  return find_filter(names[Name])(work, arguments);
}

constexpr auto of_text = std::to_array<Named>({
    {"capitalize", as_filter<0>},
    {"count", times},
    {"endswith", has_at<true>},
    {"find", place_of<false>},
    {"isalnum", all_are<is_either>},
    {"isalpha", all_are<is_letter>},
    {"isdecimal", all_are<is_digit>},
    {"isdigit", all_are<is_digit>},
    {"islower", is_case<false>},
    {"isnumeric", all_are<is_digit>},
    {"isspace", is_blank},
    {"isupper", is_case<true>},
    {"join", join},
    {"lower", as_filter<1>},
    {"lstrip", strip<Side::left>},
    {"partition", partition<false>},
    {"removeprefix", without<false>},
    {"removesuffix", without<true>},
    {"replace", as_filter<2>},
    {"rfind", place_of<true>},
    {"rpartition", partition<true>},
    {"rsplit", cut<true>},
    {"rstrip", strip<Side::right>},
    {"split", cut<false>},
    {"splitlines", cut_lines},
    {"startswith", has_at<false>},
    {"strip", strip<Side::both>},
    {"title", as_filter<3>},
    {"upper", as_filter<4>},
});
static_assert(std::ranges::is_sorted(of_text, {}, &Named::name));

Value refuse_change(Work& work, const Arguments&) {
  work.fail("lists and dicts cannot be changed; only a namespace can");
}

Value index(Work& work, const Arguments& arguments) {
  const auto& list = *arguments.positional.front().list();
  const auto found = std::ranges::find(list, required(work, arguments, 1, "value"));
  if (found == list.end()) work.fail("the list has no such item");
  return Value::count(static_cast<std::size_t>(found - list.begin()));
}

Value often(Work& work, const Arguments& arguments) {
  const auto& list = *arguments.positional.front().list();
  return Value::count(static_cast<std::size_t>(std::ranges::count(list, required(work, arguments, 1, "value"))));
}

constexpr auto of_list = std::to_array<Named>({
    {"append", refuse_change},
    {"clear", refuse_change},
    {"count", often},
    {"extend", refuse_change},
    {"index", index},
    {"insert", refuse_change},
    {"pop", refuse_change},
    {"remove", refuse_change},
    {"reverse", refuse_change},
    {"sort", refuse_change},
});
static_assert(std::ranges::is_sorted(of_list, {}, &Named::name));

Value get(Work& work, const Arguments& arguments) {
  const auto* const found = arguments.positional.front().dict()->find(required(work, arguments, 1, "key"));
  if (found != nullptr) return *found;
  const auto* const preset = arguments.find(2, "default");
  return preset == nullptr ? Value(Value::None()) : *preset;
}

Value members(Work& work, const Arguments& arguments) {
  return find_filter("items")(work, arguments);
}

template <bool Keys>
Value sides(Work& work, const Arguments& arguments) {
  List out;
  for (const auto& [key, value] : arguments.positional.front().dict()->members) out.push_back(Keys ? key : value);
  work.spend(out.size());
  return out;
}

Value copy(Work&, const Arguments& arguments) {
  return arguments.positional.front();
}

constexpr auto of_dict = std::to_array<Named>({
    {"clear", refuse_change},
    {"copy", copy},
    {"get", get},
    {"items", members},
    {"keys", sides<true>},
    {"pop", refuse_change},
    {"popitem", refuse_change},
    {"setdefault", refuse_change},
    {"update", refuse_change},
    {"values", sides<false>},
});
static_assert(std::ranges::is_sorted(of_dict, {}, &Named::name));

}  // namespace

BuiltIn find_method(const Value& object, std::string_view name) noexcept {
  if (object.text() != nullptr) return find_in(of_text, name);
  if (object.dict() != nullptr) return find_in(of_dict, name);
  return object.list() != nullptr ? find_in(of_list, name) : nullptr;
}

}  // namespace dspy::llama::jinja
