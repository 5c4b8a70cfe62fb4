// A question whose answer is spread over two documents: the first search finds who, the second
// where.  The model is a script that reads the results and decides what to search for next.

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>
#include <dspy/modules/run.hpp>
#include <dspy/retrieve/memory_store.hpp>
#include <dspy/retrieve/retriever.hpp>
#include <dspy/retrieve/search/search.hpp>

#include <iostream>
#include <memory>
#include <string>

int main() {
  const auto store = std::make_shared<dspy::MemoryStore>();
  dspy::wait(store->upsert({{.id = "bridge", .text = "The old bridge was designed by Ada Holm."},
                            {.id = "holm", .text = "Holm was born in Bergen."},
                            {.id = "kettle", .text = "The kettle needs a new filter."}}));
  const auto model = std::make_shared<dspy::ScriptedLM>([](const dspy::Request& request) -> std::string {
    return request.messages.back().text().contains("designed by Ada Holm") ? "Query: Holm born"
                                                                           : "Query: bridge designed";
  });

  dspy::configure({.lm = model});
  const dspy::MultiHop search{.search = dspy::Retriever(store, {.k = 1})};
  const auto out = dspy::call(search, "Where was the designer of the bridge born?");
  for (const auto& query : out.queries) std::cout << "looked for: " << query << '\n';
  for (const auto& hit : out.hits) std::cout << "found: " << hit.passage.text << '\n';
}
