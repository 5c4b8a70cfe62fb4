// Checking citations: a mark must refer to a passage, and the passage must contain the statement's
// words and its quotations.  The answers here are written by hand, as a careless model might write
// them.

#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/search/citations.hpp"

#include <format>
#include <iostream>
#include <string_view>
#include <vector>

int main() {
  const std::vector<dspy::Hit> passages = {
      {.passage = {.id = "1",
                   .text = "Hold the button for ten seconds to reset the device.",
                   .metadata = {{"line", 12}, {"last_line", 14}},
                   .source = "manual.md"}},
      {.passage = {.id = "2",
                   .text = "The warranty lasts 24 months from the day of purchase.",
                   .metadata = {{"line", 40}, {"last_line", 40}},
                   .source = "manual.md"}}};
  constexpr std::string_view answers[] = {
      "Hold the button for ten seconds [1]. The warranty lasts 24 months [2].",
      "Hold the button for ten seconds [3].",
      "The battery is charged over night [1].",
      "It says \"press the red button twice\" [1].",
      "The warranty lasts 24 months.",
  };
  for (const auto answer : answers) {
    const auto checked = dspy::check_citations(answer, passages);
    std::cout << answer << "\n  " << (checked.is_supported ? "supported" : "not supported") << '\n';
    for (const auto& each : checked.citations) {
      if (!each.passage) {
        std::cout << std::format("  [{}] names no passage\n", each.mark);
        continue;
      }
      std::cout << std::format("  {} {}: {:.0f} % of the words{}\n", each.mark > 0 ? "cited" : "found",
                               dspy::place_of(each), 100 * each.support, each.misquoted.empty() ? "" : ", misquoted");
    }
  }
}
