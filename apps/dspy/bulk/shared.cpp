#include "bulk/bulk_commands.hpp"
#include "dspy/bulk/queue/shared_limits.hpp"
#include "dspy/config/config.hpp"
#include "dspy/lm/prices.hpp"

#include <cmath>
#include <cstdint>
#include <format>
#include <memory>
#include <optional>
#include <string>

namespace dspy::app {

std::optional<std::int64_t> to_nanodollars(std::optional<double> dollars) {
  if (!dollars) return std::nullopt;
  if (!(*dollars >= 0 && *dollars <= 9e6))
    throw Error(Errc::bad_input, std::format("a budget is from 0 to 9,000,000 dollars; this one is {}", *dollars));
  return std::llround(*dollars * 1e9);
}

void share_limits(Program& program, const std::shared_ptr<SharedLimits>& limits) {
  const auto file = Config::load().price_file();
  const auto prices = file.empty()
                          ? builtin_prices()
                          : std::make_shared<const PriceTable>(PriceTable::builtin().with(PriceTable::from_file(file)));
  program.for_each_predictor(
      [&](const std::string&, Predictor& predictor) { predictor.set_lm(limited(predictor.lm(), limits, prices)); });
}

}  // namespace dspy::app
