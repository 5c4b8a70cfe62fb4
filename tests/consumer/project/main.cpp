// A user's program: a typed call against a scripted model, and a look at the engine's part of the library.

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>

#include <deque>
#include <memory>
#include <string>

struct Capital {
  struct Input {
    std::string country;
  };
  struct Output {
    std::string capital;
    int inhabitants = 0;
  };
};

int main() {
  const auto lm = std::make_shared<dspy::ScriptedLM>(std::deque<std::string>{"Capital: Paris\nInhabitants: 2102650"});
  const dspy::Predict<Capital> predict({.lm = lm});
  const auto found = predict({.country = "France"});
  const dspy::llama::ModelPool pool;
  return found.capital == "Paris" && found.inhabitants == 2102650 ? 0 : 1;
}
