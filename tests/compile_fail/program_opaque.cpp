// expect-error: may hold predictors that nobody can find
// A program has a member of a class that does not show its predictors.
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"

class Opaque {
 public:
  explicit Opaque(int size) : size_(size) {}
#if !DSPY_MUST_FAIL
  template <class F>
  void for_each_predictor(F&& visit) const {
    visit("answer", answer_);
  }
#endif

 private:
  dspy::Predict<> answer_{"question -> answer"};
  int size_;
};

struct Program {
  Opaque inner;
  std::string name;
  std::optional<double> threshold;
  std::function<double(int)> reward;
};

auto use(const Program& program) {
  return dspy::named_predictors(program);
}
