// Filters of texts and numbers.

#include "llama/jinja/values/argument.hpp"
#include "llama/jinja/values/characters.hpp"
#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <format>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace dspy::llama::jinja {
namespace {

Value absolute(Work& work, const Arguments& arguments) {
  const auto& value = subject(work, arguments);
  if (const auto whole = value.integer()) return *whole < 0 ? negated(work, "-", value) : Value(*whole);
  if (const auto number = value.number()) return std::abs(*number);
  work.fail(std::format("`abs` does not go with {}", value.type_name()));
}

Value capitalized(Work& work, const Arguments& arguments) {
  const auto text = text_of(subject(work, arguments));
  const auto first = first_size(text.view());
  return text.with(upper(text.view().substr(0, first)) + lower(text.view().substr(std::min(first, text.size()))));
}

Value escaped(Work& work, const Arguments& arguments) {
  auto out = text_of(subject(work, arguments));
  constexpr auto pairs = std::to_array<std::pair<std::string_view, std::string_view>>(
      {{"&", "&amp;"}, {">", "&gt;"}, {"<", "&lt;"}, {"'", "&#39;"}, {"\"", "&#34;"}});
  for (const auto& [from, to] : pairs) out = replaced(out, from, Text(std::string(to)), -1);
  return out;
}

/// `%`-formatting with `%s`, `%d`, `%r` and `%%`.
Value formatted(Work& work, const Arguments& arguments) {
  const auto text = text_of(subject(work, arguments));
  Text out;
  std::size_t next = 1, begin = 0;
  for (auto at = text.view().find('%'); at != std::string_view::npos; at = text.view().find('%', begin)) {
    out.append(text.part(begin, at));
    const char kind = at + 1 < text.size() ? text.bytes()[at + 1] : '\0';
    begin = at + 2;
    if (kind == '%') {
      out.append(std::string_view("%"));
      continue;
    }
    if (!std::string_view("sdri").contains(kind) || kind == '\0')
      work.fail(std::format("`%{}` is not known here; use %s, %d, %r or %%", kind == '\0' ? ' ' : kind));
    const auto& value = required(work, arguments, next++, "of a `%`");
    if ((kind == 'd' || kind == 'i') && !value.is_number()) work.fail("`%d` needs a number");
    out.append(kind == 'r' ? repr(value)
               : kind == 's'
                   ? shown(value)
                   : Text(std::to_string(value.integer().value_or(static_cast<std::int64_t>(*value.number())))));
  }
  out.append(text.part(begin, text.size()));
  work.write(out.size());
  return out;
}

Value to_float(Work& work, const Arguments& arguments) {
  const auto& value = subject(work, arguments);
  if (const auto number = value.number()) return *number;
  const auto trimmed = stripped(text_of(value), Side::both, nullptr);
  double number = 0;
  const auto* const end = trimmed.bytes().data() + trimmed.size();
  if (const auto [parsed, error] = std::from_chars(trimmed.bytes().data(), end, number);
      error == std::errc{} && parsed == end)
    return number;
  const auto* const preset = arguments.find(1, "default");
  return preset == nullptr ? Value(0.0) : *preset;
}

Value indented(Work& work, const Arguments& arguments) {
  auto text = text_of(subject(work, arguments));
  const auto* const width = arguments.find(1, "width");
  const auto blank = width != nullptr && width->text() != nullptr
                         ? *width->text()
                         : Text(std::string(size_argument(work, arguments, 1, "width", 4), ' '));
  const bool takes_blank = truth_argument(arguments, 3, "blank", false);
  text.append(std::string_view("\n"));
  Text out;
  if (truth_argument(arguments, 2, "first", false)) out.append(blank);
  bool is_first = true;
  for (const auto& line : lines(text)) {
    if (!is_first) {
      out.append(std::string_view("\n"));
      if (takes_blank || !line.empty()) out.append(blank);
      work.write(blank.size());
    }
    is_first = false;
    out.append(line);
  }
  work.write(out.size());
  return out;
}

Value to_int(Work& work, const Arguments& arguments) {
  const auto& value = subject(work, arguments);
  const auto* const preset = arguments.find(1, "default");
  const auto fallback = [&] { return preset == nullptr ? Value(std::int64_t{0}) : *preset; };
  if (const auto whole = value.integer()) return *whole;
  const auto from_float = [&](double number) {
    return std::isfinite(number) && std::abs(number) < 9e18 ? Value(static_cast<std::int64_t>(number)) : fallback();
  };
  if (const auto number = value.number()) return from_float(*number);
  const auto trimmed = stripped(text_of(value), Side::both, nullptr);
  auto digits = trimmed.view();
  if (digits.starts_with('+')) digits.remove_prefix(1);
  std::int64_t whole = 0;
  const auto* const end = digits.data() + digits.size();
  const auto base = static_cast<int>(std::clamp<std::int64_t>(whole_argument(work, arguments, 2, "base", 10), 2, 36));
  if (const auto [parsed, error] = std::from_chars(digits.data(), end, whole, base);
      error == std::errc{} && parsed == end)
    return whole;
  double number = 0;
  if (const auto [parsed, error] = std::from_chars(digits.data(), end, number); error == std::errc{} && parsed == end)
    return from_float(number);
  return fallback();
}

Value lowered(Work& work, const Arguments& arguments) {
  const auto text = text_of(subject(work, arguments));
  return text.with(lower(text.view()));
}

Value replacement(Work& work, const Arguments& arguments) {
  const auto text = text_of(subject(work, arguments));
  const auto from = text_of(required(work, arguments, 1, "old"));
  const auto to = text_of(required(work, arguments, 2, "new"));
  auto out = replaced(text, from.view(), to, static_cast<long>(whole_argument(work, arguments, 3, "count", -1)));
  work.write(out.size());
  return out;
}

Value rounded(Work& work, const Arguments& arguments) {
  const auto number = subject(work, arguments).number();
  if (!number) work.fail(std::format("`round` does not go with {}", subject(work, arguments).type_name()));
  const auto digits = std::clamp<std::int64_t>(whole_argument(work, arguments, 1, "precision", 0), -300, 300);
  const auto* const method = arguments.find(2, "method");
  const auto way = method == nullptr ? std::string("common") : text_of(*method).bytes();
  const auto scale = std::pow(10.0, static_cast<double>(digits));
  if (way == "ceil") return std::ceil(*number * scale) / scale;
  if (way == "floor") return std::floor(*number * scale) / scale;
  if (digits < 0) return std::nearbyint(*number * scale) / scale;
  double out = *number;  // as Python: the digits of the decimal text, halves to even
  const auto text = std::format("{:.{}f}", *number, static_cast<int>(digits));
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

Value same(Work& work, const Arguments& arguments) {
  return text_of(subject(work, arguments));
}

Value titled(Work& work, const Arguments& arguments) {
  const auto text = text_of(subject(work, arguments));
  std::string out = lower(text.view());
  bool begins = true;
  for (auto& byte : out) {
    const bool is_letter = (byte >= 'a' && byte <= 'z') || static_cast<unsigned char>(byte) >= 0x80 ||
                           (byte >= '0' && byte <= '9') || byte == '\'';
    if (begins && byte >= 'a' && byte <= 'z') byte = static_cast<char>(byte - 'a' + 'A');
    begins = !is_letter;
  }
  return text.with(std::move(out));
}

Value trimmed(Work& work, const Arguments& arguments) {
  const auto text = text_of(subject(work, arguments));
  const auto* const characters = arguments.find(1, "chars");
  if (characters == nullptr || characters->is_none()) return stripped(text, Side::both, nullptr);
  const auto given = text_of(*characters);
  const auto view = given.view();
  return stripped(text, Side::both, &view);
}

Value raised(Work& work, const Arguments& arguments) {
  const auto text = text_of(subject(work, arguments));
  return text.with(upper(text.view()));
}

Value words(Work& work, const Arguments& arguments) {
  return Value::count(split(text_of(subject(work, arguments)), nullptr, -1).size());
}

constexpr auto table = std::to_array<Named>({
    {"abs", absolute},        {"capitalize", capitalized},
    {"e", escaped},           {"escape", escaped},
    {"float", to_float},      {"forceescape", escaped},
    {"format", formatted},    {"indent", indented},
    {"int", to_int},          {"lower", lowered},
    {"replace", replacement}, {"round", rounded},
    {"safe", same},           {"string", same},
    {"title", titled},        {"tojson", to_json_text},
    {"trim", trimmed},        {"upper", raised},
    {"wordcount", words},
});
static_assert(std::ranges::is_sorted(table, {}, &Named::name));

}  // namespace

BuiltIn find_text_filter(std::string_view name) noexcept {
  return find_in(table, name);
}

BuiltIn find_filter(std::string_view name) noexcept {
  const auto found = find_text_filter(name);
  return found != nullptr ? found : find_list_filter(name);
}

}  // namespace dspy::llama::jinja
