// One of several types: a variant.  The value is read as the alternative it fits, and `std::visit` takes it from there.

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>

#include <deque>
#include <iostream>
#include <memory>
#include <string>
#include <variant>

namespace {

struct Refund {
  std::string order;
  double amount = 0;
};

struct Reply {
  std::string text;
};

struct NextStep {
  static constexpr auto instructions = "Decide what to do with the ticket.";
  struct Input {
    std::string ticket;
  };
  struct Output {
    std::variant<Refund, Reply> action;
    std::variant<int, std::string> reference;
  };
};

struct Tell {
  void operator()(const Refund& refund) const { std::cout << "refund " << refund.amount << " for " << refund.order; }
  void operator()(const Reply& reply) const { std::cout << "reply \"" << reply.text << '"'; }
  void operator()(int number) const { std::cout << " (number " << number << ")\n"; }
  void operator()(const std::string& text) const { std::cout << " (text " << text << ")\n"; }
};

}  // namespace

int main() {
  const auto lm = std::make_shared<dspy::ScriptedLM>(
      std::deque<std::string>{R"({"action": {"order": "A-17", "amount": 30.5}, "reference": 17})",
                              R"({"action": {"text": "It ships tomorrow."}, "reference": "B/9"})"});
  const dspy::Predict<NextStep> decide({.lm = lm, .adapter = dspy::adapter("json")});

  for (const auto* ticket : {"The lamp of order A-17 is broken.", "Where is my parcel?"}) {
    const auto step = decide({.ticket = ticket});
    std::visit(Tell(), step.action);
    std::visit(Tell(), step.reference);
  }
}
