// Computed fields: values that follow from the model's.  The model is not asked for them, and the prediction has them.

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>

#include <deque>
#include <iostream>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace {

struct Line {
  std::string name;
  double price = 0;
};

struct ReadBill {
  static constexpr auto instructions = "Read the bill.";
  struct Input {
    std::string text;
  };
  struct Output {
    std::vector<Line> lines;
  };
  static constexpr auto computed = dspy::describe(dspy::computed("total", [](const Output& bill) {
    return std::accumulate(bill.lines.begin(), bill.lines.end(), 0.0,
                           [](double sum, const Line& line) { return sum + line.price; });
  }));
};

}  // namespace

int main() {
  const auto lm = std::make_shared<dspy::ScriptedLM>(
      std::deque<std::string>{R"({"lines": [{"name": "soup", "price": 4.5}, {"name": "bread", "price": 2}]})"});
  const dspy::Predict<ReadBill> read({.lm = lm, .adapter = dspy::adapter("json")});

  const auto bill = read({.text = "soup 4.50, bread 2"});
  std::cout << bill.lines.size() << " lines, total " << dspy::to_text(bill.prediction().at("total")) << '\n';
  std::cout << dspy::to_text(bill.prediction().data) << '\n';
}
