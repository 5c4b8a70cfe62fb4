#include "adapters/json/lenient_scalars.hpp"
#include "base/json/json_number.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace dspy {
namespace {

using text::is_digit;

}  // namespace

bool LenientScalars::based_number(Json& out) {
  constexpr std::string_view digits = "0123456789abcdefABCDEF";
  const auto sign = here() == '-' || here() == '+' ? 1U : 0U;
  const auto mark = text_.substr(at_ + sign, 2);
  const auto kinds = mark == "0x" || mark == "0X"   ? digits
                     : mark == "0o" || mark == "0O" ? digits.substr(0, 8)
                     : mark == "0b" || mark == "0B" ? digits.substr(0, 2)
                                                    : std::string_view();
  if (kinds.empty()) return false;
  const auto first = at_ + sign + mark.size();
  const auto end = std::min(text_.find_first_not_of(kinds, first), text_.size());
  if (end == first || (end < text_.size() && (is_key_character(text_[end]) || text_[end] == '.'))) return false;
  take(JsonRepair::python_word);
  out = text_.substr(at_, end - at_);
  at_ = end;
  return true;
}

bool LenientScalars::number(Json& out) {
  if (based_number(out)) return true;
  const auto start = at_;
  bool grouped = false;  // 1_234, as Python may write it
  const auto digits = [&] {
    const auto first = at_;
    while (!at_end()) {
      if (here() == '_' && at_ > first && at_ + 1 < text_.size() && is_digit(text_[at_ - 1]) &&
          is_digit(text_[at_ + 1]))
        grouped = true;
      else if (!is_digit(here()))
        break;
      ++at_;
    }
    return at_ - first;
  };
  const bool has_plus = here() == '+';
  if (has_plus || here() == '-') ++at_;
  const bool leading_zero = !at_end() && here() == '0';
  const auto whole = digits();
  bool well_formed = !(leading_zero && whole > 1);
  bool is_integer = true;
  bool is_bare = false;  // `.5` and `1.`, as Python may write them
  if (!at_end() && here() == '.') {
    is_integer = false;
    ++at_;
    const auto places = digits();
    is_bare = whole == 0 || places == 0;
    // Where the text ends behind the point, more digits may have been cut off.
    const bool is_cut = text_.find_first_not_of(" \t\r\n", at_) == std::string_view::npos;
    well_formed = well_formed && (places > 0 || (whole > 0 && !is_cut));
  } else if (whole == 0) {
    well_formed = false;
  }
  if (!at_end() && (here() == 'e' || here() == 'E')) {
    is_integer = false;
    ++at_;
    if (!at_end() && (here() == '+' || here() == '-')) ++at_;
    well_formed = digits() > 0 && well_formed;
  }
  // `1,000` must not become 1, nor `12 apples` 12, nor `1.2.3` 1.2.
  if (!at_end() && (is_key_character(here()) || here() == '.' || here() == '%' || here() == '/')) {
    well_formed = next_is("//") || next_is("/*") ? well_formed : false;
  }
  if (!well_formed) {
    at_ = start;
    return fail("this is not a JSON number");
  }
  const auto written = text_.substr(start + (has_plus ? 1 : 0), at_ - start - (has_plus ? 1 : 0));
  if (is_bare || has_plus) take(JsonRepair::python_word);
  if (!grouped) {
    convert(out, written, is_integer);
    return true;
  }
  std::string ungrouped(written);
  std::erase(ungrouped, '_');
  take(JsonRepair::python_word);
  convert(out, ungrouped, is_integer);
  return true;
}

void LenientScalars::convert(Json& out, std::string_view digits, bool is_integer) {
  const auto read = [&](auto number) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) return false;
    out = number;
    return true;
  };
  if (is_integer && (read(std::int64_t{}) || read(std::uint64_t{}))) return;
  const bool is_float = read(double{});
  if (is_float && out.get_double() != std::trunc(out.get_double())) return;
  if (!is_misread_as_float(digits)) {
    if (!is_float) out = 0.0;  // however many zeros it is written with
    return;
  }
  take(JsonRepair::long_number);
  out = digits;
}

bool LenientScalars::word(Json& out) {
  constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  struct Word {
    std::string_view text;
    Json value;
    bool python;
  };
  static const Word words[] = {
      {"true", true, false},          {"false", false, false},      {"null", nullptr, false},
      {"True", true, true},           {"False", false, true},       {"None", nullptr, true},
      {"TRUE", true, true},           {"FALSE", false, true},       {"NULL", nullptr, true},
      {"Null", nullptr, true},        {"NONE", nullptr, true},      {"NaN", not_a_number, true},
      {"nan", not_a_number, true},    {"Infinity", infinity, true}, {"inf", infinity, true},
      {"-Infinity", -infinity, true}, {"-inf", -infinity, true}};
  const auto start = at_;
  while (!at_end() && is_key_character(here())) ++at_;
  const auto found = text_.substr(start, at_ - start);
  for (const auto& candidate : words) {
    if (found != candidate.text) continue;
    if (candidate.python) take(JsonRepair::python_word);
    out = candidate.value;
    return true;
  }
  at_ = start;
  return fail("expected a value");
}

}  // namespace dspy
