#include "base/json/json_number.hpp"
#include "llama/mask/expressions/automaton.hpp"
#include "llama/mask/grammars/numbers.hpp"

#include <doctest/doctest.h>

#include <charconv>
#include <cmath>
#include <format>
#include <random>
#include <string>
#include <vector>

using namespace dspy::llama::mask;

namespace {

/// Compiles limits once and asks for many texts.
class Holder {
 public:
  explicit Holder(const NumberLimits& limits) {
    Pool pool;
    const auto expr = number(pool, limits);
    REQUIRE(expr.has_value());
    automaton_.emplace(pool, *expr);
  }

  bool holds(std::string_view text) {
    auto at = automaton_->start();
    for (const char byte : text) at = automaton_->next(at, static_cast<unsigned char>(byte));
    return automaton_->accepts(at);
  }

 private:
  std::optional<Automaton> automaton_;
};

}  // namespace

TEST_CASE("integers keep their bounds, each of them and beside them") {
  for (const auto& [low, high] : std::vector<std::pair<int, int>>{
           {0, 0}, {0, 9}, {1, 10}, {-5, 5}, {17, 1234}, {-1234, -17}, {99, 101}, {-1, 1000}, {-300, 7}}) {
    CAPTURE(low);
    CAPTURE(high);
    Holder inclusive({.integer = true, .ge = std::to_string(low), .le = std::to_string(high)});
    Holder exclusive({.integer = true, .gt = std::to_string(low - 1), .lt = std::to_string(high + 1)});
    for (int value = -2000; value <= 2000; ++value) {
      const bool expected = value >= low && value <= high;
      if (inclusive.holds(std::to_string(value)) != expected || exclusive.holds(std::to_string(value)) != expected)
        FAIL_CHECK(value);
    }
    for (const auto* text : {"", "-", "00", "01", "-0", "+1", "1.0", "1e1", " 1"}) CHECK_FALSE(inclusive.holds(text));
  }
}

TEST_CASE("integers have 64 bits") {
  Holder any({.integer = true});
  for (const auto* text : {"9223372036854775807", "-9223372036854775808", "0", "-1"}) CHECK(any.holds(text));
  for (const auto* text : {"9223372036854775808", "-9223372036854775809", "10000000000000000000"})
    CHECK_FALSE(any.holds(text));
}

TEST_CASE("multiples are held, of whole numbers and of parts") {
  Holder sevens({.integer = true, .gt = "99", .multiple_of = "7"});
  for (int value = 0; value < 5000; ++value) {
    if (sevens.holds(std::to_string(value)) != (value > 99 && value % 7 == 0)) FAIL_CHECK(value);
  }
  Holder quarters({.ge = "0", .le = "10", .multiple_of = "0.25"});
  for (const auto* text : {"0", "0.25", "9.75", "10", "3.5", "3.50", "3.500"}) CHECK(quarters.holds(text));
  for (const auto* text : {"0.3", "10.25", "0.255", "3.51"}) CHECK_FALSE(quarters.holds(text));
  Holder cents({.multiple_of = "0.01"});
  CHECK(cents.holds("-12.34"));
  CHECK_FALSE(cents.holds("12.345"));
}

TEST_CASE("decimals keep their bounds exactly") {
  struct Case {
    NumberLimits limits;
    double low;
    double high;
  };
  const std::vector<Case> cases = {
      {{.ge = "0", .le = "1"}, 0, 1},
      {{.ge = "-0.5", .le = "0.125"}, -0.5, 0.125},
      {{.ge = "2.75", .le = "13"}, 2.75, 13},
      {{.ge = "-13.5", .le = "-2.75"}, -13.5, -2.75},
      {{.ge = "1e-05", .le = "1e+02"}, 1e-5, 100},
  };
  std::mt19937_64 random(7);
  for (const auto& [limits, low, high] : cases) {
    CAPTURE(low);
    CAPTURE(high);
    Holder holder(limits);
    for (int i = 0; i < 3000; ++i) {
      const auto digits = static_cast<int>(random() % 6);
      const auto scale = std::pow(10.0, digits);
      const auto span = (high - low) * 2 + 1;
      auto text =
          std::format("{:.{}f}", low - span / 2 + span * static_cast<double>(random() % 100000) / 50000, digits);
      double value = 0;
      std::from_chars(text.data(), text.data() + text.size(), value);
      if (value == 0 && text.starts_with('-')) text.erase(0, 1);
      CAPTURE(scale);
      if (holder.holds(text) != (value >= low && value <= high)) FAIL_CHECK(text);
    }
  }
  Holder open({.gt = "0", .lt = "1"});
  for (const auto* text : {"0.1", "0.00000000000000000001", "0.999999999999999", "0.25000000000000000000"})
    CHECK(open.holds(text));
  // The last ones are 1 as a float.
  for (const auto* text : {"0", "0.0", "1", "1.0", "-0", "-0.5", "0.9999999999999999", "0.99999999999999999999"})
    CHECK_FALSE(open.holds(text));
}

TEST_CASE("whatever float a mask holds keeps the limits as a double, however many digits it has") {
  std::mt19937_64 random(11);
  const auto text_of = [](double number) {
    std::string out(40, '\0');
    out.resize(static_cast<std::size_t>(std::to_chars(out.data(), out.data() + out.size(), number).ptr - out.data()));
    return out;
  };
  const auto digits = [&](std::size_t count) {
    std::string out;
    while (out.size() < count)
      out += random() % 3 == 0 ? '9' : random() % 2 == 0 ? '0' : static_cast<char>('0' + random() % 10);
    return out;
  };
  const double scales[] = {1e-6, 0.1, 1, 10, 1e6, 1e15, 1e21};
  std::size_t held = 0;
  for (int round = 0; round < 120; ++round) {
    double bounds[2];
    for (auto& bound : bounds) {
      bound = scales[random() % std::size(scales)] * static_cast<double>(random() % 2001) / 1000 - 1;
      if (random() % 2 == 0) bound = std::round(bound * 8) / 8;
    }
    const auto [low, high] = std::minmax(bounds[0], bounds[1]);
    NumberLimits limits;
    const bool open_low = random() % 2 == 0;
    const bool open_high = random() % 2 == 0;
    (open_low ? limits.gt : limits.ge) = text_of(low);
    if (random() % 4 != 0) (open_high ? limits.lt : limits.le) = text_of(high);
    const bool has_high = limits.lt || limits.le;
    if (random() % 4 == 0) limits.multiple_of = random() % 2 == 0 ? "0.01" : "0.5";
    Pool pool;
    if (low == high || !number(pool, limits)) continue;
    Holder holder(limits);
    for (int i = 0; i < 400; ++i) {
      auto text = std::format("{:.{}f}", random() % 2 == 0 ? low : high, random() % 24);
      switch (random() % 5) {
        case 0: text.resize(1 + random() % text.size()); break;
        case 1: text = std::format("{}.{}", std::round(low), digits(1 + random() % 22)); break;
        case 2: text = digits(1 + random() % 24); break;
        case 3: text += digits(random() % 20); break;
        default: break;
      }
      if (!holder.holds(text)) continue;
      ++held;
      double value = 0;
      std::int64_t integer = 0;
      const auto* const end = text.data() + text.size();
      CAPTURE(text);
      CHECK(std::from_chars(text.data(), end, value).ptr == end);
      const auto whole = std::from_chars(text.data(), end, integer);
      const bool is_integer = whole.ec == std::errc() && whole.ptr == end;
      const auto above = open_low ? value > low : value >= low;
      const auto below = !has_high || (open_high ? value < high : value <= high);
      if (!above || !below || (!is_integer && dspy::is_misread_as_float(text)))
        FAIL_CHECK(std::format("{} within {} and {}", text, low, high));
    }
  }
  CHECK(held > 2000);
}

TEST_CASE("a float without limits holds whatever a double can, and no more") {
  Holder any({});
  for (const auto* text : {"0", "-1.5", "1e10", "1.5E-300", "9.99e+307", "1234567890123.25", "0.1",
                           "18446744073709551615", "-9223372036854775808"})
    CHECK(any.holds(text));
  for (const auto* text :
       {"1e308", "1e999", ".5", "1.", "01", "12e300", "NaN", "Infinity", "--1", "64448582006430257813",
        "12345678901234567.25", "123456789012345.001", "0.9999999999999999999", "1.0000000000000000001e5"})
    CHECK_FALSE(any.holds(text));
}

TEST_CASE("limits that nothing keeps, or no mask can hold, are named") {
  struct Case {
    NumberLimits limits;
    std::string message;
  };
  const std::vector<Case> cases = {
      {{.integer = true, .ge = "5", .le = "4"}, "no number is within the limits"},
      {{.integer = true, .gt = "1", .lt = "2"}, "no number is within the limits"},
      {{.integer = true, .multiple_of = "123456"},
       "multiples of 123456 cannot be held by a mask, whose steps have up to 4 digits and are at most 2000"},
      {{.ge = "1e60"}, "no number of up to 40 digits is within the bounds"},
  };
  for (const auto& [limits, message] : cases) {
    Pool pool;
    const auto expr = number(pool, limits);
    REQUIRE_FALSE(expr.has_value());
    CHECK(expr.error() == message);
  }
}
