#include "llama/mask/grammars/formats.hpp"

#include "llama/mask/grammars/regex.hpp"

#include <format>
#include <vector>

namespace dspy::llama::mask {
namespace {

Expr all_of(Pool& pool, std::string_view pattern) {
  return *parse_regex(pool, pattern, Match::whole);
}

}  // namespace

Expr date(Pool& pool) {
  const auto year = R"((\d{3}[1-9]|\d{2}[1-9]0|\d[1-9]00|[1-9]000))";
  const auto leap_year = R"((\d{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00))";
  const auto day = R"(((0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31))";
  return all_of(pool, std::format("{}-{}|{}-02-29", year, day, leap_year));
}

Expr datetime(Pool& pool) {
  return pool.seq({date(pool), pool.literal("T"), time(pool)});
}

Expr time(Pool& pool) {
  // To the microsecond, which `DateTime` and `Time` hold.
  return all_of(pool, R"(([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)?)");
}

Expr duration(Pool& pool) {
  // At least one part, and one behind the `T`.
  const auto time = R"(T(\d{1,9}H(\d{1,9}M)?(\d{1,9}(\.\d{1,9})?S)?|\d{1,9}M(\d{1,9}(\.\d{1,9})?S)?|)"
                    R"(\d{1,9}(\.\d{1,9})?S))";
  return all_of(pool, std::format(R"(-?P((\d{{1,9}}W(\d{{1,9}}D)?|\d{{1,9}}D)({0})?|{0}))", time));
}

Expr base64(Pool& pool, std::size_t min, std::size_t max) {
  const auto digit = all_of(pool, "[A-Za-z0-9+/]");
  const auto group = pool.repeat(digit, 4, 4);
  // How the last group stands for no byte, one and two: the bits that are left over are zero.
  const std::vector<Expr> ends = {Pool::empty, pool.seq(digit, all_of(pool, "[AQgw]==")),
                                  pool.seq({digit, digit, all_of(pool, "[AEIMQUYcgkosw048]=")})};
  std::vector<Expr> out;
  for (std::size_t rest = 0; rest < ends.size(); ++rest) {
    if (max < rest) continue;
    const auto low = min <= rest ? 0 : (min - rest + 2) / 3;
    const auto high = (max - rest) / 3;
    if (low > high || low >= Pool::unbounded) continue;
    const auto groups = pool.repeat(group, static_cast<std::uint32_t>(low),
                                    high >= Pool::unbounded ? Pool::unbounded : static_cast<std::uint32_t>(high));
    out.push_back(pool.seq(groups, ends[rest]));
  }
  return pool.alt(out);
}

}  // namespace dspy::llama::mask
