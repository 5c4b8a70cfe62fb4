// Decisions: a yes-or-no output is decided by its measured probability, with a threshold fitted to
// labelled examples and saved with the program.

#include <dspy/dspy.hpp>

#include <cmath>
#include <cstdio>
#include <print>
#include <string>
#include <vector>

namespace {

std::vector<dspy::Example> tickets() {
  std::vector<dspy::Example> out;
  const auto add = [&](const std::string& text, bool refund) {
    out.push_back(dspy::Example({{"ticket", text}, {"refund_requested", refund}}, {"ticket"}));
  };
  for (const std::string item : {"lamp", "tent", "chair", "kettle"}) {
    add("My " + item + " arrived broken, I want my money back!", true);
    add("The package with the " + item + " is late. There is no rush.", false);
  }
  return out;
}

}  // namespace

int main() {
  dspy::configure({.lm = dspy::lm("llama:models/dspy-tiny.gguf?temperature=0")});
  dspy::Predict triage(dspy::Signature::parse("ticket -> refund_requested: bool", "Sort the support ticket."),
                       {.decisions = {{"refund_requested", {}}}});
  const auto& field = triage.signature().outputs[0];

  const auto prediction = triage({{"ticket", "My radio arrived broken, I want my money back!"}});
  const auto decision = dspy::decision_of(prediction, field);
  std::println("refund: {} ({})", dspy::to_text(decision.value), dspy::to_string(decision.method));
  const double sum = decision.probability("true").value() + decision.probability("false").value();
  std::println("the probabilities sum to {:.4f}", sum);

  // The model's probabilities for labelled tickets are recorded once; fitting makes no further
  // requests.
  const auto evidence = dspy::wait(dspy::gather_evidence(triage, "refund_requested", tickets()));
  const auto fitted = dspy::fit_decision(dspy::decision_space(field), {}, evidence);
  std::println("{}: {:.0f} % right before, {:.0f} % after", fitted.parameter, 100 * fitted.start, 100 * fitted.fitted);
  triage.set_decisions({{"refund_requested", fitted.settings}});
}
