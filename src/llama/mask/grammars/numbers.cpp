#include "llama/mask/grammars/numbers.hpp"

#include "llama/mask/grammars/regex.hpp"

#include <algorithm>
#include <charconv>
#include <format>
#include <utility>

namespace dspy::llama::mask {
namespace {

constexpr std::size_t most_whole_digits = 40;
constexpr std::size_t most_fraction_digits = 20;
/// So many survive the way into a double and back (IEEE 754): numbers that differ stay different, and in order, so that
/// none reaches a bound by rounding.
constexpr std::size_t most_significant_digits = 15;
/// Of a float without a point; 64 bits hold all of them.
constexpr std::size_t most_digits_without_point = 19;
constexpr std::uint64_t largest_step = 2000;

/// A decimal number as its digits.
struct Decimal {
  bool negative = false;
  std::string whole = {};     ///< Without leading zeros; empty for 0.
  std::string fraction = {};  ///< Without trailing zeros.

  bool is_zero() const noexcept { return whole.empty() && fraction.empty(); }
};

/// Reads what `std::to_chars` writes.
Decimal read_decimal(std::string_view text) {
  Decimal out;
  if (text.starts_with('-')) {
    out.negative = true;
    text.remove_prefix(1);
  }
  int exponent = 0;
  if (const auto e = text.find_first_of("eE"); e != std::string_view::npos) {
    auto digits = text.substr(e + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    text = text.substr(0, e);
  }
  const auto point = std::min(text.find('.'), text.size());
  out.whole = text.substr(0, point);
  if (point < text.size()) out.fraction = text.substr(point + 1);
  for (; exponent > 0; --exponent) {
    out.whole += out.fraction.empty() ? '0' : out.fraction[0];
    if (!out.fraction.empty()) out.fraction.erase(0, 1);
  }
  for (; exponent < 0; ++exponent) {
    out.fraction.insert(0, 1, out.whole.empty() ? '0' : out.whole.back());
    if (!out.whole.empty()) out.whole.pop_back();
  }
  out.whole.erase(0, std::min(out.whole.find_first_not_of('0'), out.whole.size()));
  const auto last = out.fraction.find_last_not_of('0');
  out.fraction.resize(last == std::string::npos ? 0 : last + 1);
  if (out.is_zero()) out.negative = false;
  return out;
}

/// One side of the range.  Digits past those that a number can have only decide whether the bound itself counts.
struct Bound {
  Decimal value = {};
  bool inclusive = true;
  bool cut = false;
};

Bound make_bound(std::string_view text, bool inclusive, std::size_t fraction_digits) {
  Bound out{.value = read_decimal(text), .inclusive = inclusive};
  if (out.value.fraction.size() > fraction_digits) {
    out.value.fraction.resize(fraction_digits);
    out.cut = true;
  }
  return out;
}

enum class Order : std::uint8_t { less, equal, greater };

enum class Phase : std::uint8_t { start, minus, zero, whole, point, fraction };

/// What is known after some digits.
struct Progress {
  Phase phase = Phase::start;
  bool negative = false;
  std::uint8_t digits = 0;   ///< Of the part that is being written.
  Order low = Order::equal;  ///< The digits so far against as many of the bound's.
  Order high = Order::equal;
  std::uint8_t significant = 0;  ///< Digits from the first one that is not 0; not counted beyond 1 where all may stand.
  std::uint16_t remainder = 0;
};

/// Recognises the numbers within a range, digit by digit: a length that differs from the bound's decides between whole
/// parts, and the first digit that differs decides between equally long ones.
class Machine {
 public:
  Machine(bool integer, std::optional<Bound> low, std::optional<Bound> high, std::uint64_t step, std::size_t places)
      : integer_(integer), low_(std::move(low)), high_(std::move(high)), step_(step), places_(places) {
    for (const auto* bound : {&low_, &high_}) {
      if (*bound) longest_whole_ = std::max(longest_whole_, (*bound)->value.whole.size());
    }
    if (integer_ || step_ == 0) return;
    // Behind the places of the step come zeros, so the whole part alone is limited, which takes fewer states.
    if (places_ < most_significant_digits) longest_whole_ = std::min(longest_whole_, most_significant_digits - places_);
  }

  std::optional<Progress> step(Progress at, char c) const {
    if (c == '-') {
      if (at.phase != Phase::start) return std::nullopt;
      at.phase = Phase::minus;
      at.negative = true;
      return at;
    }
    if (c == '.') {
      if (integer_ || (at.phase != Phase::zero && at.phase != Phase::whole)) return std::nullopt;
      at.low = settle_whole(at, low_, at.low);
      at.high = settle_whole(at, high_, at.high);
      at.phase = Phase::point;
      at.digits = 0;
      return at;
    }
    if (c < '0' || c > '9' || at.phase == Phase::zero) return std::nullopt;
    const bool whole = at.phase < Phase::point;
    if (at.digits == (whole ? longest_whole_ : most_fraction_digits)) return std::nullopt;
    if (whole) {
      at.phase = c == '0' && at.phase != Phase::whole ? Phase::zero : Phase::whole;
      if (at.phase == Phase::zero) return at;
    } else {
      at.phase = Phase::fraction;
    }
    if (c != '0' && at.significant == most_significant()) {
      if (counts_digits()) return std::nullopt;
    } else if (at.significant < most_significant() && (at.significant > 0 || c != '0')) {
      ++at.significant;
    }
    at.low = compare(at, low_, at.low, c);
    at.high = compare(at, high_, at.high, c);
    ++at.digits;
    if (step_ == 0) return at;
    if (!whole && at.digits > places_) return c == '0' ? std::optional(at) : std::nullopt;
    at.remainder = static_cast<std::uint16_t>((at.remainder * 10u + static_cast<unsigned>(c - '0')) % step_);
    return at;
  }

  bool accepts(const Progress& at) const {
    if (at.phase == Phase::start || at.phase == Phase::minus || at.phase == Phase::point) return false;
    if (at.negative && at.significant == 0) return false;
    if (!integer_ && at.phase == Phase::whole && at.digits > most_digits_without_point) return false;
    if (low_ && !satisfies(at, *low_, order(at, low_, at.low), Order::greater)) return false;
    if (high_ && !satisfies(at, *high_, order(at, high_, at.high), Order::less)) return false;
    if (step_ == 0) return true;
    std::uint64_t remainder = at.remainder;
    const std::size_t written = at.phase == Phase::fraction ? at.digits : 0;
    for (auto place = written; place < places_; ++place) remainder = remainder * 10 % step_;
    return remainder == 0;
  }

 private:
  bool counts_digits() const noexcept { return !integer_ && (step_ == 0 || places_ >= most_significant_digits); }
  std::size_t most_significant() const noexcept { return counts_digits() ? most_significant_digits : 1; }

  static Order order_of(char a, char b) noexcept {
    return a < b ? Order::less : a == b ? Order::equal : Order::greater;
  }

  /// After one more digit.
  static Order compare(const Progress& at, const std::optional<Bound>& bound, Order known, char digit) noexcept {
    if (!bound || known != Order::equal) return known;
    const auto& digits = at.phase == Phase::fraction ? bound->value.fraction : bound->value.whole;
    if (at.digits < digits.size()) return order_of(digit, digits[at.digits]);
    return at.phase == Phase::fraction ? order_of(digit, '0') : known;
  }

  /// At the end of the whole part.
  static Order settle_whole(const Progress& at, const std::optional<Bound>& bound, Order known) noexcept {
    if (!bound) return known;
    const auto size = bound->value.whole.size();
    return at.digits < size ? Order::less : at.digits > size ? Order::greater : known;
  }

  /// The size of the number against that of the bound.
  static Order order(const Progress& at, const std::optional<Bound>& bound, Order known) noexcept {
    const bool in_fraction = at.phase == Phase::fraction;
    if (!in_fraction) known = settle_whole(at, bound, known);
    const std::size_t written = in_fraction ? at.digits : 0;
    return known == Order::equal && written < bound->value.fraction.size() ? Order::less : known;
  }

  static bool satisfies(const Progress& at, const Bound& bound, Order size, Order wanted) noexcept {
    if (at.negative != bound.value.negative) return at.negative == (wanted == Order::less);
    // Among negative numbers the larger one is smaller; what was cut off the bound makes its size larger.
    if (at.negative) wanted = wanted == Order::less ? Order::greater : Order::less;
    if (size == Order::equal) return bound.cut ? wanted == Order::less : bound.inclusive;
    return size == wanted;
  }

  bool integer_;
  std::optional<Bound> low_;
  std::optional<Bound> high_;
  std::uint64_t step_;  ///< The number is a multiple of this, times 10 to the power of -`places_`; 0 for any.
  std::size_t places_;
  std::size_t longest_whole_ = 20;
};

/// The stricter one of two lower (upper) bounds.
bool is_stricter(const Bound& a, const Bound& b, bool lower) {
  const auto key = [](const Decimal& value, std::size_t whole, std::size_t fraction) {
    return std::string(whole - value.whole.size(), '0') + value.whole + value.fraction +
           std::string(fraction - value.fraction.size(), '0');
  };
  const auto whole = std::max(a.value.whole.size(), b.value.whole.size());
  const auto fraction = std::max(a.value.fraction.size(), b.value.fraction.size());
  const auto [x, y] = std::pair(key(a.value, whole, fraction), key(b.value, whole, fraction));
  if (a.value.negative != b.value.negative) return b.value.negative == lower;
  if (x == y) return !a.inclusive;
  return ((x > y) != a.value.negative) == lower;
}

}  // namespace

namespace {

std::expected<Expr, std::string> automaton_of(Pool& pool, const Machine& machine) {
  ByteClasses classes;
  for (const char c : std::string_view("-.0123456789")) classes.split(ByteSet::of(static_cast<unsigned char>(c)));
  auto dfa = build_dfa(
      Progress(), classes,
      [&](const Progress& at, unsigned char byte) { return machine.step(at, static_cast<char>(byte)); },
      [&](const Progress& at) { return Dfa::Facts{.accepts = machine.accepts(at)}; }, 200'000);
  if (!dfa) return std::unexpected(std::string("the limits need too large a mask"));
  if (dfa->start() == Dfa::dead) return std::unexpected(std::string("no number is within the limits"));
  return pool.automaton(pool.add(*std::move(dfa)));
}

}  // namespace

std::expected<Expr, std::string> number(Pool& pool, const NumberLimits& limits) {
  const bool unlimited = !limits.ge && !limits.gt && !limits.le && !limits.lt && !limits.multiple_of;
  if (unlimited && !limits.integer) {
    // All that a double can hold, and nothing that it cannot.  Without a point, what 64 bits can: longer whole numbers
    // would be rounded, which readers tell.
    const auto whole = automaton_of(pool, Machine(true, make_bound("-9223372036854775808", true, 0),
                                                  make_bound("18446744073709551615", true, 0), 0, 0));
    if (!whole) return whole;
    // With up to 15 digits no double is whole but what is written so (IEEE 754: they survive the way there and back).
    std::string pattern =
        R"(-?[1-9]\d{0,19}\.0{1,20}|-?[1-9](\.\d{1,14})?[eE][+-]?(\d{1,2}|[12]\d\d|30[0-7])|-?0\.\d{1,15})";
    for (int digits = 1; digits < 15; ++digits)
      pattern += std::format("|-?[1-9]\\d{{{}}}\\.\\d{{1,{}}}", digits - 1, 15 - digits);
    return pool.alt({*whole, *parse_regex(pool, pattern, Match::whole)});
  }
  const auto places = limits.integer ? 0 : most_fraction_digits;
  std::optional<Bound> low;
  std::optional<Bound> high;
  const auto add = [&](std::optional<Bound>& side, const std::optional<std::string>& text, bool inclusive) {
    if (!text) return;
    auto bound = make_bound(*text, inclusive, places);
    if (!side || is_stricter(bound, *side, &side == &low)) side = std::move(bound);
  };
  if (limits.integer) {
    add(low, "-9223372036854775808", true);
    add(high, "9223372036854775807", true);
  }
  add(low, limits.ge, true);
  add(low, limits.gt, false);
  add(high, limits.le, true);
  add(high, limits.lt, false);
  for (auto* side : {&low, &high}) {
    if (!*side || (*side)->value.whole.size() <= most_whole_digits) continue;
    if ((*side)->value.negative != (side == &low))
      return std::unexpected(std::format("no number of up to {} digits is within the bounds", most_whole_digits));
    side->reset();
  }

  std::uint64_t step = 0;
  std::size_t step_places = 0;
  if (limits.multiple_of) {
    const auto value = read_decimal(*limits.multiple_of);
    const auto digits = value.whole + value.fraction;
    const auto* const last = digits.data() + digits.size();
    step_places = value.fraction.size();
    if (std::from_chars(digits.data(), last, step).ec != std::errc() || step == 0 || step > largest_step)
      return std::unexpected(
          std::format("multiples of {} cannot be held by a mask, whose steps have up to 4 digits and "
                      "are at most {}",
                      *limits.multiple_of, largest_step));
  }

  return automaton_of(pool, Machine(limits.integer, low, high, step, step_places));
}

}  // namespace dspy::llama::mask
