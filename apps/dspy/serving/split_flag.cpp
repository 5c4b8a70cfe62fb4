#include "serving/split_flag.hpp"

#include "dspy/base/error.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/programs/splits.hpp"

#include <algorithm>
#include <charconv>
#include <format>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace dspy::app {

void add_split(const std::string& text, const server::Catalog& catalog, server::Splits& splits) {
  const auto fail = [&](const std::string& why) -> void {
    throw Error(Errc::bad_input, std::format("--split `{}`: {}; write NAME=PROGRAM:WEIGHT,PROGRAM:WEIGHT", text, why));
  };
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) fail("it names no program");
  const auto name = text.substr(0, equals);
  server::Split split{.experiment = name, .arms = {}};
  std::string_view rest = std::string_view(text).substr(equals + 1);
  while (!rest.empty()) {
    const auto end = std::min(rest.find(','), rest.size());
    const auto arm = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto colon = std::min(arm.rfind(':'), arm.size());
    server::Split::Arm made{.program = std::string(arm.substr(0, colon))};
    if (colon < arm.size()) {
      const auto digits = arm.substr(colon + 1);
      const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), made.weight);
      if (error != std::errc() || last != digits.data() + digits.size())
        fail(std::format("the weight must be a number, not `{}`", digits));
      if (!(made.weight >= 0 && made.weight < 1e6))
        fail(std::format("the weight of `{}` must be 0 or more, not `{}`", made.program, digits));
    }
    if (!catalog.program(made.program)) fail(std::format("the program `{}` is not served", made.program));
    split.arms.push_back(std::move(made));
  }
  splits.start(name, std::move(split));
}

}  // namespace dspy::app
