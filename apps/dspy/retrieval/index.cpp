#include "retrieval/index.hpp"

#include "command.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/retrieve/embedded/embedded_store.hpp"
#include "dspy/retrieve/embedding_cache.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/retriever.hpp"
#include "dspy/retrieve/store.hpp"

#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <memory>
#include <optional>
#include <string>

namespace dspy::app {
namespace {

namespace fs = std::filesystem;

/// An index that is there, or a store by its URI.
std::shared_ptr<Store> open_there(const IndexFlags& flags, bool is_read_only) {
  StoreOptions options{.is_read_only = is_read_only, .create = false};
  if (!flags.embedder.empty()) options.embedder = embedder_fingerprint(*embedder(flags.embedder));
  return open_store(flags.store, options);
}

std::shared_ptr<EmbeddedStore> open_embedded(const IndexFlags& flags, bool is_read_only) {
  if (is_uri(flags.store))
    throw Error(Errc::bad_input, "this only applies to indexes in folders; servers manage their own");
  EmbeddedOptions options;
  options.is_read_only = is_read_only;
  options.create = false;
  return std::make_shared<EmbeddedStore>(flags.store, options);
}

Filter read_filter(const std::string& text) {
  if (text.empty()) return {};
  const auto json = parse_json(text);
  if (!json)
    throw Error(Errc::bad_input, std::format("--filter is not JSON: {} (byte {}); write `{{\"lang\": \"en\"}}`",
                                             json.error().message, json.error().position));
  return filter_from_json(*json);
}

int run_search(const IndexFlags& flags) {
  const Retriever search(open_there(flags, true),
                         {.k = flags.k,
                          .embedder = make_embedder(flags),
                          .hybrid = flags.hybrid,
                          .reranker = flags.reranker.empty() ? nullptr : reranker(flags.reranker),
                          .diversity_balance = flags.diversity,
                          .filter = read_filter(flags.filter),
                          .exact = flags.exact});
  const auto hits = search(flags.query);
  if (flags.json) {
    JsonArray list;
    for (const auto& hit : hits) list.push_back(dspy::to_json(hit));
    print_line(to_text(Json(list)));
    return exit_ok;
  }
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const auto& passage = hits[i].passage;
    const auto place = passage.source.empty() ? passage.id
                       : passage.begin == passage.end
                           ? passage.source
                           : std::format("{}, bytes {} to {}", passage.source, passage.begin, passage.end);
    print_line(std::format("{}. {:.4f}  {}", i + 1, hits[i].score, place));
    print_line(passage.text);
    if (i + 1 < hits.size()) print_line("");
  }
  if (hits.empty()) print_line("nothing was found");
  return exit_ok;
}

std::uintmax_t bytes_of(const std::string& folder) {
  std::uintmax_t bytes = 0;
  if (is_uri(folder)) return bytes;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file()) bytes += entry.file_size();
  return bytes;
}

int run_stats(const IndexFlags& flags) {
  const auto store = open_there(flags, true);
  const auto info = wait(store->info());
  const auto passages = info.passages ? *info.passages : wait(store->count());
  const auto bytes = bytes_of(flags.store);
  if (flags.json) {
    JsonObject out{{"kind", info.kind}, {"passages", passages}, {"similarity", to_string(info.similarity)}};
    if (info.dimensions != 0) out["dimensions"] = info.dimensions;
    if (!info.embedder.empty()) out["embedder"] = info.embedder;
    if (!is_uri(flags.store)) out["bytes"] = bytes;
    out["damages"] = JsonArray(info.damages.begin(), info.damages.end());
    print_json(out);
    return exit_ok;
  }
  print_line(std::format("{} passages in a store of kind {}", passages, info.kind));
  print_line(info.dimensions == 0
                 ? std::string("no vectors yet")
                 : std::format("vectors of {} numbers, compared by {}", info.dimensions, to_string(info.similarity)));
  if (!info.embedder.empty()) print_line(std::format("made with {}", info.embedder));
  if (!is_uri(flags.store)) print_line(std::format("{:.1f} MB", static_cast<double>(bytes) / 1e6));
  for (const auto& damage : info.damages) print_line(damage);
  return exit_ok;
}

int run_check(const IndexFlags& flags) {
  const auto store = open_embedded(flags, true);
  const auto check = wait(store->check());
  std::optional<double> recall;
  if (flags.samples != 0) recall = wait(store->recall_self_check(flags.samples));
  if (flags.json) {
    JsonObject out{{"passages", check.passages},
                   {"vectors", check.vectors},
                   {"problems", JsonArray(check.problems.begin(), check.problems.end())},
                   {"affected", JsonArray(check.affected.begin(), check.affected.end())}};
    if (recall) out["recall"] = *recall;
    print_json(out);
  } else {
    print_line(std::format("{} passages, {} vectors, {}", check.passages, check.vectors,
                           check.problems.empty() ? "all sound" : std::format("{} problems:", check.problems.size())));
    for (const auto& problem : check.problems) print_line(problem);
    if (recall) print_line(std::format("a search finds {:.1f} % of the 10 nearest vectors", *recall * 100));
  }
  return check.problems.empty() ? exit_ok : exit_failed;
}

int run_compact(const IndexFlags& flags) {
  const auto store = open_embedded(flags, false);
  const auto before = bytes_of(flags.store);
  wait(store->compact({.give_up_damaged = flags.give_up_damaged}));
  const auto after = bytes_of(flags.store);
  if (flags.json) {
    print_json({{"bytes_before", before}, {"bytes", after}});
  } else {
    print_line(std::format("{:.1f} MB, before {:.1f} MB", static_cast<double>(after) / 1e6,
                           static_cast<double>(before) / 1e6));
  }
  return exit_ok;
}

}  // namespace

void add_index(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<IndexFlags>();
  auto* command = app.add_subcommand("index", "Build, search and maintain an index of passages");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, int (*run)(const IndexFlags&)) {
    auto* const verb = command->add_subcommand(name, what);
    verb->add_option("INDEX", flags->store, "The index's folder, or a store's URI")->required();
    verb->add_flag("--json", flags->json, "Print JSON");
    verb->callback([flags, &plan, run] { plan = [flags, run] { return run(*flags); }; });
    return verb;
  };
  auto* const build = add("build", "Bring an index up to date with files and folders", run_index_build);
  build->add_option("FILES", flags->files, "Documents, or folders of them")->required();
  build->add_flag("--passages", flags->passages,
                  R"(FILES are passages: {"text": …, "id": …, "source": …, "metadata": {…}} a line)");
  build->add_option("--tokens", flags->tokens, "The maximum length of a passage [320]")->check(at_least_one());
  build->add_option("--method", flags->method, "Where to cut: automatic, recursive, markdown, sentences, fixed")
      ->capture_default_str();
  build->add_option("--overlap", flags->overlap, "The share of a passage that the next one may repeat")
      ->capture_default_str();
  build->add_flag("--compact", flags->compact, "Afterwards merge all segments, and build the approximate index");
  build->add_option("--embedder", flags->embedder, "The embedding model, such as llama:PATH [words only]");
  build->add_option("--embedding-cache", flags->cache,
                    "Where vectors of texts are cached: a file, or redis://HOST:PORT/0 for several machines");
  build->add_option("--similarity", flags->similarity, "Similarity of a new index: cosine, dot or euclidean [cosine]");
  build->add_flag("--half", flags->half, "Keep vectors of a new index in 16 bits");
  build->add_option("--batch", flags->batch, "Passages at once [64]")->check(at_least_one());
  auto* const search = add("search", "Find passages", run_search);
  search->add_option("QUERY", flags->query, "What to look for")->required();
  search->add_option("-k", flags->k, "How many passages [5]")->check(at_least_one());
  search->add_option("--embedder", flags->embedder,
                     "The model that embeds the query, the same as the index's [words only]");
  search->add_flag("--hybrid", flags->hybrid, "Vectors and words, fused");
  search->add_option("--reranker", flags->reranker, "The model that reranks the best passages, such as llama:PATH");
  search->add_option("--diversity", flags->diversity,
                     "Prefer passages unlike each other: from 1 (relevance alone) to 0; needs --embedder");
  search->add_option("--filter", flags->filter, R"(Such as {"lang": "en", "year": {"$gte": 2020}})");
  search->add_flag("--exact", flags->exact, "Do not use the approximate index");
  add("stats", "Show the number and kind of passages", run_stats);
  add("check", "Read the whole index, and check its consistency", run_check)
      ->add_option("--recall", flags->samples, "Also measure the recall of searches, with this many queries");
  add("compact", "Merge all segments, without removed passages", run_compact)
      ->add_flag("--give-up-damaged", flags->give_up_damaged, "Keep passages whose vectors are lost, without vectors");
  command->footer("Example:\n  dspy index search docs.index \"how do I reset it?\" --json");
}

}  // namespace dspy::app
