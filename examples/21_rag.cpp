// From a folder of documents to an evaluated search and an answer with its sources: documents are
// chunked and indexed, a question retrieves passages, a model answers from them, and each statement
// is checked against the passage it cites.
//
// The embedded model answers; it is very small, so each answer is stated plainly in one passage.

#include "dspy/dspy.hpp"
#include "dspy/modules/run.hpp"
#include "dspy/retrieve/ingest/ingest.hpp"
#include "dspy/retrieve/memory_store.hpp"
#include "dspy/retrieve/retriever.hpp"
#include "dspy/retrieve/search/citations.hpp"
#include "dspy/retrieve/search/search.hpp"

#include <filesystem>
#include <format>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

namespace {

namespace fs = std::filesystem;

/// A few documents, in a temporary folder.
struct Folder {
  fs::path path = fs::temp_directory_path() / "dspy-example-rag";

  Folder() {
    fs::remove_all(path);
    fs::create_directories(path);
    write("people.md",
          "# People\n\n## Nora\n\nNora lives in Lima.\n\n## Paul\n\nPaul works as a baker.\n\n## Mara\n\nMara has a "
          "cat.\n");
    write("places.csv",
          "text,country\nThe museum of Lima opens at nine.,Peru\nThe harbour of Oslo freezes rarely.,Norway\n");
  }
  ~Folder() { fs::remove_all(path); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path / name) << text; }
};

}  // namespace

int main() {
  const Folder folder;
  const auto store = std::make_shared<dspy::MemoryStore>();
  const auto report = dspy::ingest(store, folder.path);
  std::cout << std::format("{} files, {} passages\n", report.files, report.passages_written);

  folder.write("people.md", "# People\n\n## Nora\n\nNora lives in Cusco.\n");
  const auto second = dspy::ingest(store, folder.path);
  std::cout << std::format("again: {} unchanged, {} written, {} passages removed\n", second.unchanged, second.written,
                           second.passages_removed);

  dspy::configure({.lm = dspy::lm("llama:models/dspy-tiny.gguf?temperature=0")});
  const dspy::Rag rag{.search = dspy::Retriever(store, {.k = 2})};
  const auto out = dspy::call(rag, "Where does Nora live?");
  std::cout << "answer: " << out.answer << '\n';
  const auto cited = dspy::check_citations(out.answer, out.hits);
  for (const auto& each : cited.citations)
    std::cout << std::format("  {} supports {:.0f} % of its words\n",
                             fs::path(dspy::place_of(each)).filename().string(), 100 * each.support);
}
