#include "dspy/optimize/knn_few_shot.hpp"

#include "dspy/modules/module.hpp"
#include "optimize/demos.hpp"
#include "optimize/options.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace dspy {
namespace {

using namespace optimize;

/// What each training example gives as a demonstration, by the digest of the example.
struct Demonstrations {
  std::map<std::string, DemosByPath> bootstrapped = {};
  std::size_t max_bootstrapped = 4;
  std::size_t max_labeled = 16;
};

/// A program whose demonstrations are chosen in each call.
class NearestDemos : public Module<NearestDemos, JsonObject, Prediction> {
 public:
  NearestDemos(Program program, Knn nearest, std::shared_ptr<const Demonstrations> demos)
      : program_(std::move(program)), nearest_(std::move(nearest)), demos_(std::move(demos)) {}

  Async<Prediction> run(JsonObject inputs, Run how) const {
    const auto near = co_await nearest_.nearest(inputs);
    auto program = program_;
    show(program, near);
    co_return co_await program.run(std::move(inputs), std::move(how));
  }

  template <class F>
  void for_each_predictor(F&& visit) {
    program_.for_each_predictor(visit);
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    program_.for_each_predictor(visit);
  }

 private:
  /// As BootstrapFewShot on the neighbours: those that the teacher answered well first, then some of the others as they
  /// are.
  void show(Program& program, const std::vector<Example>& near) const {
    std::vector<const DemosByPath*> good;
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < near.size(); ++i) {
      const auto at = demos_->bootstrapped.find(digest(near[i]));
      if (at != demos_->bootstrapped.end() && good.size() < demos_->max_bootstrapped)
        good.push_back(&at->second);
      else
        left.push_back(i);
    }
    PythonRandom(0).shuffle(left);
    PythonRandom random(0);
    program.for_each_predictor([&](const std::string& path, Predictor& predictor) {
      Demos demos;
      for (const auto* const each : good) {
        if (const auto at = each->find(path); at != each->end())
          std::ranges::copy(at->second, std::back_inserter(demos));
      }
      const auto room = demos_->max_labeled - std::min(demos_->max_labeled, demos.size());
      auto chosen = random.sample(left.size(), std::min(room, left.size()));
      for (auto& each : chosen) each = left[each];
      std::ranges::move(as_demos(near, chosen, predictor.signature()), std::back_inserter(demos));
      predictor.set_demos(std::move(demos));
    });
  }

  Program program_;
  Knn nearest_;
  std::shared_ptr<const Demonstrations> demos_;
};

}  // namespace

KnnFewShot::KnnFewShot(KnnFewShotOptions options) : options_(std::move(options)) {
  if (!options_.embedder)
    throw Error(Errc::invalid_parameter, "KNNFewShot finds neighbours by embeddings: set `.embedder`");
  if (options_.k == 0) throw Error(Errc::invalid_parameter, "KNNFewShot needs a `k` of at least 1");
}

Optimized KnnFewShot::compile(const Program& student, const Training& training) const {
  const auto& settings = options_.bootstrap;
  const bool has_metric = settings.metric.is_set();
  Search search("KNNFewShot",
                {{"k", options_.k},
                 {"embedder", options_.embedder->model()},
                 {"max_bootstrapped_demos", settings.max_bootstrapped_demos},
                 {"max_labeled_demos", settings.max_labeled_demos},
                 {"max_rounds", settings.max_rounds},
                 {"metric_threshold", json_of(settings.metric_threshold)}},
                student, has_metric ? settings.metric : any_answer(), training);
  return search.complete([&] {
    const auto before = search.add(student, "the program as it was");
    auto demos = std::make_shared<Demonstrations>();
    demos->max_bootstrapped = settings.max_bootstrapped_demos;
    demos->max_labeled = settings.max_labeled_demos;
    if (settings.max_bootstrapped_demos > 0) {
      // All that can be answered well, in one stream of calls.
      const auto made = bootstrap(search, student, training.teacher, training.trainset,
                                  {.has_metric = has_metric,
                                   .metric_threshold = settings.metric_threshold,
                                   .max_bootstrapped_demos = training.trainset.size(),
                                   .max_labeled_demos = settings.max_labeled_demos,
                                   .max_rounds = settings.max_rounds,
                                   .max_errors = settings.max_errors,
                                   .teacher_lm = settings.teacher_lm});
      for (std::size_t i = 0; i < made.examples.size(); ++i)
        demos->bootstrapped[digest(training.trainset[made.examples[i]])] = made.demos[i];
    }
    search.report().details["bootstrapped"] = demos->bootstrapped.size();
    const auto after = search.add(
        NearestDemos(without_demos(student), Knn(options_.k, training.trainset, options_.embedder), std::move(demos)),
        "demonstrations of neighbours", {before}, "nearest");
    if (!has_metric || training.valset.empty()) return search.choose(after);
    search.evaluate(before, training.valset);
    search.evaluate(after, training.valset);
  });
}

}  // namespace dspy
