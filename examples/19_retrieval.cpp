// A growing index: passages are added, changed and removed, and the index persists between runs.

#include "dspy/dspy.hpp"
#include "dspy/retrieve/retriever.hpp"
#include "dspy/retrieve/store.hpp"

#include <filesystem>
#include <iostream>
#include <vector>

namespace {

void show(const dspy::Retriever& search, const std::string& question) {
  std::cout << question << '\n';
  for (const auto& hit : search(question)) std::cout << "  " << hit.passage.source << ": " << hit.passage.text << '\n';
}

}  // namespace

int main() {
  const auto folder = std::filesystem::temp_directory_path() / "dspy-example-13.index";
  std::filesystem::remove_all(folder);
  {
    const auto store = dspy::open_store(folder.string());
    dspy::wait(store->upsert({
        {.id = "reset", .text = "Hold the button for ten seconds to reset the lamp.", .source = "lamp.md"},
        {.id = "colour", .text = "Turn the ring to choose the colour of the light.", .source = "lamp.md"},
        {.id = "filter", .text = "Change the filter of the kettle once a year.", .source = "kettle.md"},
    }));
    show(dspy::Retriever(store, {.k = 1}), "How do I reset the lamp?");
  }

  // Another day: one text has changed, one is gone, one is new.
  const auto store = dspy::open_store(folder.string());
  dspy::wait(store->upsert({
      {.id = "reset", .text = "Press the button twice to reset the lamp.", .source = "lamp.md"},
      {.id = "descale", .text = "Boil vinegar in the kettle to descale it.", .source = "kettle.md"},
  }));
  dspy::wait(store->remove({"colour"}));

  show(dspy::Retriever(store, {.k = 1}), "How do I reset the lamp?");
  show(dspy::Retriever(store, {.k = 3}), "What can I do about the kettle or the colour?");
  show(dspy::Retriever(store, {.k = 3, .filter = dspy::Filter::eq("source", "lamp.md")}), "kettle or lamp");
  std::cout << dspy::wait(store->count()) << " passages\n";
  std::filesystem::remove_all(folder);
}
