#include "dspy/optimize/simba.hpp"

#include "optimize/options.hpp"
#include "optimize/simba_steps.hpp"

#include <format>
#include <utility>

namespace dspy {

using namespace optimize;

Simba::Simba(SimbaOptions options) : options_(std::move(options)) {
  if (options_.bsize == 0 || options_.num_candidates == 0 || options_.max_steps == 0)
    throw Error(Errc::invalid_parameter, "SIMBA's examples, candidates and steps are at least 1 each");
  if (!(options_.temperature_for_sampling > 0) || !(options_.temperature_for_candidates > 0))
    throw Error(Errc::invalid_parameter, "SIMBA's temperatures must be above 0");
}

Optimized Simba::compile(const Program& student, const Training& training) const {
  require_metric("SIMBA", options_.metric);
  Search search("SIMBA",
                {{"bsize", options_.bsize},
                 {"num_candidates", options_.num_candidates},
                 {"max_steps", options_.max_steps},
                 {"max_demos", options_.max_demos},
                 {"temperature_for_sampling", options_.temperature_for_sampling},
                 {"temperature_for_candidates", options_.temperature_for_candidates},
                 {"seed", options_.seed}},
                student, options_.metric, training);
  if (training.trainset.size() < options_.bsize) {
    throw Error(Errc::invalid_parameter,
                std::format("SIMBA's steps of {} examples are larger than the training set of {}; set `.bsize`",
                            options_.bsize, training.trainset.size()));
  }
  return search.complete([&] {
    const auto& rows = training.valset.empty() ? training.trainset : training.valset;
    search.evaluate(search.add(student, "the program as it was"), rows);
    for (const auto number : ascend(search, options_, student, training)) {
      if (!search.candidates()[number].score) search.evaluate(number, rows);
    }
  });
}

}  // namespace dspy
