// Many calls at once: at most so many under way, results in the order of their inputs, and a failure is one result
// among the others.

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>

#include <cstddef>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

int main() {
  const auto model = std::make_shared<dspy::ScriptedLM>([](const dspy::Request& request) -> std::string {
    const auto text = request.messages.back().text();
    if (text.contains("ticket 13")) throw dspy::Error(dspy::Errc::unavailable, "the model is overloaded");
    return text.contains("ticket 5") ? "Team: sales" : "Team: support";
  });
  const dspy::Predict triage("ticket -> team", {.lm = model});

  std::vector<dspy::JsonObject> tickets;
  for (int i = 0; i < 100; ++i) tickets.push_back({{"ticket", "ticket " + std::to_string(i)}});
  std::size_t ended = 0;
  const auto out =
      triage.batch(tickets, {.concurrency = 8, .progress = [&ended](std::size_t done, std::size_t) { ended = done; }});

  std::cout << ended << " calls ended\n";
  for (const std::size_t i : {4U, 5U, 13U})
    std::cout << i << ": " << (out[i] ? dspy::view(out[i]->at("team").as_string()) : out[i].error().what()) << '\n';
}
