// Many concurrent calls: bounded concurrency, results in the order of the inputs, and a failed call
// is just one of the results.  The provider is the local mock provider.

#include <dspy/dspy.hpp>
#include <mock_provider/mock_provider.hpp>

#include <cstddef>
#include <iostream>
#include <string>
#include <vector>

int main() {
  const dspy::mock::MockProvider provider({.wishes = {{"reply", "Team: support"}, {"delay", "5"}}});
  const dspy::Predict triage("ticket -> team", {.lm = dspy::lm("compatible/any?base_url=" + provider.url("/v1"))});

  std::vector<dspy::JsonObject> tickets;
  for (int i = 0; i < 100; ++i) tickets.push_back({{"ticket", "ticket " + std::to_string(i)}});
  tickets[13] = {};  // an invalid input
  std::size_t ended = 0;
  const auto out =
      triage.batch(tickets, {.concurrency = 8, .progress = [&ended](std::size_t done, std::size_t) { ended = done; }});

  std::cout << ended << " calls ended, of " << provider.request_count() << " requests\n";
  for (const std::size_t i : {4U, 5U, 13U})
    std::cout << i << ": " << (out[i] ? dspy::view(out[i]->at("team").as_string()) : out[i].error().what()) << '\n';
}
