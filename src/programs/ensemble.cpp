#include "dspy/programs/ensemble.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/modules/majority.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <format>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using Outcomes = std::vector<std::expected<Prediction, Error>>;

/// A hash that is the same everywhere (FNV-1a).
std::uint64_t hash_of(const std::string& text) noexcept {
  std::uint64_t out = 0xCBF29CE484222325ULL;
  for (const char c : text) out = (out ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return out;
}

}  // namespace

Ensemble::Ensemble(std::vector<Program> programs, EnsembleOptions options)
    : programs_(std::move(programs)), options_(std::move(options)) {
  if (programs_.empty()) throw Error(Errc::invalid_parameter, "an ensemble needs a program; give it at least one");
  if (options_.size > programs_.size()) {
    throw Error(Errc::invalid_parameter, std::format("{} programs cannot be drawn from an ensemble of {}; lower `size`",
                                                     options_.size, programs_.size()));
  }
  if (!options_.reduce) options_.reduce = [](std::vector<Prediction> answers) { return majority(answers); };
}

Async<Outcomes> Ensemble::answers(JsonObject inputs, Run how) const {
  std::vector<std::size_t> chosen(programs_.size());
  std::iota(chosen.begin(), chosen.end(), std::size_t{0});
  if (options_.size != 0) {
    Random(options_.seed ^ hash_of(to_text(Json(inputs)))).shuffle(std::span(chosen));
    chosen.resize(options_.size);
    std::ranges::sort(chosen);
  }
  const BatchOptions options{.concurrency = chosen.size(), .call = how.options};
  co_return co_await detail::run_rows<Prediction>(chosen.size(), options, [&](std::size_t i) {
    return programs_[chosen[i]].run(inputs, Run{.options = options.call});
  });
}

Async<Prediction> Ensemble::run(JsonObject inputs, Run how) const {
  auto all = co_await answers(std::move(inputs), std::move(how));
  std::vector<Prediction> good;
  for (auto& answer : all) {
    if (answer) good.push_back(*std::move(answer));
  }
  if (good.empty()) throw all.front().error();
  co_return options_.reduce(std::move(good));
}

Async<Outcomes> aparallel(std::vector<ProgramCall> calls, BatchOptions options) {
  co_return co_await detail::run_rows<Prediction>(calls.size(), options, [&](std::size_t i) {
    return calls[i].program.run(std::move(calls[i].inputs), Run{.options = options.call});
  });
}

Outcomes parallel(std::vector<ProgramCall> calls, const BatchOptions& options) {
  return wait(aparallel(std::move(calls), options));
}

}  // namespace dspy
