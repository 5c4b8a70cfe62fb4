// expect-error: may hold others that nobody can find
// A program derives from a predictor and has another one as a member.
#include "dspy/modules/predict.hpp"
#include "dspy/modules/traversal.hpp"

class Program : public dspy::Predict<> {
 public:
  Program() : Predict("question -> answer") {}
#if !DSPY_MUST_FAIL
  template <class F>
  void for_each_predictor(F&& visit) const {
    visit("self", *this);
    visit("check", check_);
  }
#endif

 private:
  dspy::Predict<> check_{"answer -> ok: bool"};
};

auto use(const Program& program) {
  return dspy::named_predictors(program);
}
