#include "command.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/run.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/retriever.hpp"
#include "dspy/retrieve/search/citations.hpp"
#include "dspy/retrieve/search/search.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieval/index.hpp"
#include "retrieval/rag.hpp"

#include <CLI/CLI.hpp>

#include <cstddef>
#include <format>
#include <string>
#include <vector>

namespace dspy::app {
namespace {

JsonObject citation_json(const SourceCitation& each) {
  JsonObject out{{"statement", each.statement}, {"support", each.support}};
  if (each.mark > 0) out["mark"] = each.mark;
  if (each.passage) {
    out["passage"] = *each.passage + 1;
    out["source"] = each.source;
    out["begin"] = each.begin;
    out["end"] = each.end;
  }
  if (each.line) out["line"] = *each.line;
  if (each.last_line) out["last_line"] = *each.last_line;
  if (!each.misquoted.empty()) out["misquoted"] = JsonArray(each.misquoted.begin(), each.misquoted.end());
  return out;
}

void print_json_of(const Rag::Output& out, const CitedAnswer& cited) {
  JsonArray citations, passages;
  for (const auto& each : cited.citations) citations.push_back(citation_json(each));
  for (const auto& hit : out.hits) passages.push_back(dspy::to_json(hit));
  print_json({{"answer", out.answer},
              {"is_supported", cited.is_supported},
              {"citations", std::move(citations)},
              {"unsupported", JsonArray(cited.uncited.begin(), cited.uncited.end())},
              {"passages", std::move(passages)},
              {"usage", dspy::to_json(out.prediction.lm_usage)}});
}

void print_for_people(const Rag::Output& out, const CitedAnswer& cited) {
  print_line(out.answer);
  print_line("");
  for (const auto& each : cited.citations) {
    if (!each.passage) {
      print_line(std::format("  [{}] names no passage", each.mark));
      continue;
    }
    print_line(std::format("  [{}] {}{}", *each.passage + 1, place_of(each),
                           each.mark == 0 ? std::format("  (not cited; has {:.0f} % of the words)", 100 * each.support)
                           : each.support < CitationOptions().least_support
                               ? std::format("  (cited, but has only {:.0f} % of the words)", 100 * each.support)
                               : ""));
    for (const auto& quote : each.misquoted) print_line(std::format("      does not say \"{}\"", quote));
  }
  for (const auto& each : cited.uncited) print_line(std::format("  no passage supports: {}", each));
  if (cited.citations.empty())
    for (std::size_t i = 0; i < out.hits.size(); ++i)
      print_line(std::format("  read: [{}] {}", i + 1, place_of(out.hits[i].passage)));
}

}  // namespace

void AskIndexFlags::add_to(CLI::App& command) {
  command.add_option("--index", store, "Answer from this index's passages (a folder, or a store's URI)")
      ->group("Answers from an index");
  command
      .add_option("--embedder", embedder, "The model that embeds the question, the same as the index's [words only]")
      ->group("Answers from an index");
  command.add_option("-k,--passages", k, "How many passages to use [5]")
      ->check(at_least_one())
      ->group("Answers from an index");
  command.add_flag("--hybrid", hybrid, "Search by vectors and by words")->group("Answers from an index");
  command.add_option("--reranker", reranker, "The model that reranks the best passages, such as llama:PATH")
      ->group("Answers from an index");
}

int ask_index(const AskIndexFlags& flags, const std::string& question, const PredictorOptions& options, bool json) {
  StoreOptions store{.is_read_only = true, .create = false};
  const auto embedder = flags.embedder.empty() ? nullptr : dspy::embedder(flags.embedder);
  const Rag rag{.search = Retriever(open_store(flags.store, store),
                                    {.k = flags.k,
                                     .embedder = embedder,
                                     .hybrid = flags.hybrid,
                                     .reranker = flags.reranker.empty() ? nullptr : dspy::reranker(flags.reranker)}),
                .answer = Predict(Rag::instructions(), options)};
  const auto out = call(rag, question);
  const auto cited = check_citations(out.answer, out.hits);
  if (json) {
    print_json_of(out, cited);
  } else {
    print_for_people(out, cited);
  }
  return exit_ok;
}

}  // namespace dspy::app
