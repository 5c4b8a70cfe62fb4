// An agent that searches files, and whose answer is held against what it found: each statement
// must be in the passage that it cites.  The model is a script; replace it with `dspy::lm("…")`.

#include <dspy/agents/react.hpp>
#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>
#include <dspy/retrieve/ingest/ingest.hpp>
#include <dspy/retrieve/memory_store.hpp>
#include <dspy/retrieve/retriever.hpp>
#include <dspy/retrieve/search/citations.hpp>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <format>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

/// What the agent has found, by number: the numbers stay the same through all of its searches.
class Findings {
 public:
  explicit Findings(dspy::Retriever search) : search_(std::move(search)) {}

  std::string search(const std::string& query) {
    std::string out;
    for (const auto& hit : search_(query)) out += std::format("[{}] {}\n", number_of(hit), hit.passage.text);
    return out.empty() ? "Nothing was found; try other words." : out;
  }
  const std::vector<dspy::Hit>& hits() const { return hits_; }

 private:
  std::size_t number_of(const dspy::Hit& hit) {
    const std::lock_guard lock(mutex_);  // calls may overlap
    const auto known = std::ranges::find(hits_, hit.passage.id, [](const auto& each) { return each.passage.id; });
    if (known != hits_.end()) return static_cast<std::size_t>(known - hits_.begin()) + 1;
    hits_.push_back(hit);
    return hits_.size();
  }

  dspy::Retriever search_;
  std::mutex mutex_;
  std::vector<dspy::Hit> hits_;
};

std::string turn(const std::string& thought, const std::string& query) {
  return "Next thought: " + thought + "\nNext tool name: search\nNext tool args: {\"query\": \"" + query + "\"}";
}

}  // namespace

int main() {
  const auto folder = fs::temp_directory_path() / "dspy-example-research";
  fs::create_directories(folder);
  std::ofstream(folder / "team.md") << "# Team\n\nNora leads the harbour project.\n";
  std::ofstream(folder / "harbour.md") << "# Harbour\n\nThe harbour project ends in May 2027.\n";
  const auto store = std::make_shared<dspy::MemoryStore>();
  dspy::ingest(store, folder);
  Findings findings(dspy::Retriever(store, {.k = 1}));

  const auto model = std::make_shared<dspy::ScriptedLM>(std::deque<std::string>{
      turn("What does Nora lead?", "Nora leads"), turn("When does it end?", "harbour project ends"),
      "Next thought: I know both.\nNext tool name: finish\nNext tool args: {}",
      "Reasoning: Two files say it.\nAnswer: Nora leads the harbour project [1]. It ends in May 2027 [2]. It costs two "
      "million euros [2]."});
  const dspy::ReAct agent("question -> answer",
                          {{"search",
                            "Finds passages in the files; each has a number to cite.",
                            [&](const std::string& query) { return findings.search(query); },
                            dspy::args("query"),
                            {.idempotent = true}}},
                          {.predictor = {.lm = model}});
  const auto out = agent({{"question", "When does Nora's project end?"}});

  const auto answer = std::string(dspy::view(out.at("answer").as_string()));
  const auto checked = dspy::check_citations(answer, findings.hits());
  std::cout << answer << '\n';
  for (const auto& each : checked.citations)
    std::cout << std::format("  [{}] {}: {:.0f} % of the words\n", each.mark,
                             fs::path(dspy::place_of(each)).filename().string(), 100 * each.support);
  for (const auto& each : checked.uncited) std::cout << "  no passage says: " << each << '\n';
  fs::remove_all(folder);
}
