#include "dspy/programs/cascade.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy {

Cascade::Cascade(Program first, std::optional<Program> second, CascadeOptions options)
    : first_(std::move(first)), second_(std::move(second)), options_(std::move(options)) {
  if (!(options_.least >= 0 && options_.least <= 1))
    throw Error(Errc::invalid_parameter, std::format("`least` is {}; a confidence is from 0 to 1", options_.least));
  std::vector<std::string> decided;
  std::as_const(first_).for_each_predictor([&](const std::string&, const Predictor& predictor) {
    for (const auto& [name, settings] : predictor.decisions()) decided.push_back(name);
  });
  if (options_.output.empty() && decided.size() == 1) options_.output = decided.front();
  if (options_.output.empty() && decided.size() > 1)
    throw Error(Errc::invalid_parameter, std::format("the program decides {}; say with `output` which must be sure",
                                                     text::enumerate(decided, "`", "and")));
  if (std::ranges::contains(decided, options_.output)) return;
  throw Error(
      Errc::invalid_parameter,
      options_.output.empty()
          ? "a cascade needs a decision, and the program makes none; give a predictor `decisions`"
          : std::format("no predictor of the program decides `{}`; give it an entry in `decisions`", options_.output));
}

std::optional<double> Cascade::confidence(const Prediction& prediction) const {
  std::optional<double> out;
  first_.for_each_predictor([&](const std::string&, const Predictor& predictor) {
    const auto settings = predictor.decisions().find(options_.output);
    const auto* const field = predictor.signature().find(options_.output);
    if (settings == predictor.decisions().end() || field == nullptr || prediction.get(options_.output) == nullptr)
      return;
    out = decision_of(prediction, *field, settings->second).confidence;
  });
  return out;
}

Async<Prediction> Cascade::run(JsonObject inputs, Run how) const {
  auto out = co_await first_.run(inputs, Run{.options = how.options});
  const auto sure = confidence(out);
  if (sure && *sure >= options_.least) co_return out;
  if (!second_) {
    out.data[options_.output] = nullptr;
    out.flags.push_back({options_.output, "abstained"});
    co_return out;
  }
  auto better = co_await second_->run(std::move(inputs), std::move(how));
  better.lm_usage += out.lm_usage;
  better.flags.push_back({options_.output, "routed"});
  co_return better;
}

}  // namespace dspy
