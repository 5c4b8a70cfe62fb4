// An agent with three C++ functions.  The model is a script, so the example runs anywhere; replace
// it with `dspy::lm("…")`.

#include <dspy/agents/react.hpp>
#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>

#include <deque>
#include <iostream>
#include <memory>
#include <string>

namespace {

struct Travel {
  struct Input {
    std::string request;
  };
  struct Output {
    double total = 0;
  };
};

double price(const std::string& city) {
  return city == "Rome" ? 120 : 90;
}
double convert(double amount, const std::string& to) {
  return to == "USD" ? amount * 1.25 : amount;
}
std::string today() {
  return "2026-11-29";
}

}  // namespace

int main() {
  dspy::configure(
      {.lm = std::make_shared<dspy::ScriptedLM>(std::deque<std::string>{
           "Next thought: What is a night?\nNext tool name: price\nNext tool args: {\"city\": \"Rome\"}",
           "Next thought: In dollars.\nNext tool name: convert\nNext tool args: {'amount': '120', 'to': 'USD'}",
           "Next thought: I know it.\nNext tool name: finish\nNext tool args: {}",
           "Reasoning: 120 euros are 150 dollars.\nTotal: 150"})});

  const dspy::ReAct<Travel> agent({{"price", "A night's price in a city, in euros.", price, dspy::args("city")},
                                   {"convert", "Converts euros.", convert, dspy::args("amount", "to")},
                                   {"today", "Today's date.", today}},
                                  {.limits = {.max_iters = 5}});
  const auto out = agent({.request = "A night in Rome, in dollars?"});

  std::cout << "total: " << out.total << '\n' << "ended by: " << dspy::to_string(out.end()) << '\n';
  for (const auto& [key, value] : out.trajectory()) std::cout << key << ": " << dspy::to_text(value) << '\n';
}
