#include "dspy/optimize/labeled_few_shot.hpp"

#include "optimize/demos.hpp"

namespace dspy {

Optimized LabeledFewShot::compile(const Program& student, const Training& training) const {
  using namespace optimize;
  const auto metric = options_.metric.is_set() ? options_.metric : any_answer();
  Search search("LabeledFewShot", {{"k", options_.k}, {"sample", options_.sample}}, student, metric, training);
  return search.complete([&] {
    const auto before = search.add(student, "the program as it was");
    const auto after = search.add(labeled(student, training.trainset, options_.k, options_.sample),
                                  "labelled demonstrations", {before});
    if (!options_.metric.is_set() || training.valset.empty()) return search.choose(after);
    search.evaluate(before, training.valset);
    search.evaluate(after, training.valset);
  });
}

}  // namespace dspy
