// Which way of chunking documents finds what questions need?  Settings are tried on most of the
// questions, and the best one is compared with the first on the held-out questions.  To use your
// own folder and file of questions (JSONL, see `read_rag_questions`): dspy-tuned_rag docs/guide
// questions.jsonl [report.html]

#include <dspy/dspy.hpp>
#include <dspy/optimize/tuning/rag_tuning.hpp>

#include <array>
#include <cstddef>
#include <filesystem>
#include <format>
#include <fstream>
#include <iostream>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 6> devices = {"lamp", "kettle", "radio", "heater", "clock", "fan"};
constexpr std::array<std::string_view, 4> topics = {"reset", "clean", "warranty", "battery"};

/// One manual per device, each with one chapter per topic; a question is answered by one sentence
/// of a chapter.
struct Manuals {
  fs::path path = fs::temp_directory_path() / "dspy-example-tuned-rag";
  std::vector<dspy::RagQuestion> questions = {};

  Manuals() {
    fs::remove_all(path);
    fs::create_directories(path);
    for (std::size_t d = 0; d < devices.size(); ++d) {
      std::ofstream out(path / std::format("{}.md", devices[d]));
      out << std::format("# The {}\n", devices[d]);
      for (std::size_t t = 0; t < topics.size(); ++t) {
        out << std::format("\n## Chapter {}\n\n", t + 1);
        for (std::size_t other = 0; other < topics.size(); ++other)
          if (other != t)
            out << std::format("For the {} of your device see another chapter of this manual. ", topics[other]);
        const auto quote =
            std::format("The {} of the {} takes step {} of the plan.", topics[t], devices[d], 10 * d + t);
        out << quote << " Keep these pages in a dry place, and give them to whoever owns the device after you.\n";
        questions.push_back({.question = std::format("What does the {} of the {} take?", topics[t], devices[d]),
                             .evidence = {{.source = std::format("{}.md", devices[d]), .quote = quote}}});
      }
    }
  }
  ~Manuals() { fs::remove_all(path); }
};

}  // namespace

int main(int argc, char** argv) {
  const Manuals manuals;
  const auto folder = argc > 2 ? fs::path(argv[1]) : manuals.path;
  const auto questions = argc > 2 ? dspy::read_rag_questions(argv[2]) : manuals.questions;

  // Words alone are looked for here.  With `.embedder` (and `.hybrids`), vectors are too.
  const auto tuning = dspy::tune_rag(folder, questions,
                                     {.space = {.tokens = {320, 80, 30}, .ks = {3}, .hybrids = {false}},
                                      .aim = dspy::RagAim::reciprocal_rank,
                                      .held_out = 0.5});
  std::cout << dspy::to_table(tuning);
  if (argc > 3) std::ofstream(argv[3]) << dspy::to_html(tuning);  // with plots

  const auto search = dspy::make_search(folder, tuning.best, {});
  const auto hits = search(questions.front().question);
  std::cout << '\n' << questions.front().question << '\n';
  if (argc <= 2 && !hits.empty())
    std::cout << "  " << fs::path(hits.front().passage.source).filename().string() << '\n';
}
