#include "retrieval/rag.hpp"

#include "command.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/evaluate/statistics.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/optimize/tuning/rag_tuning.hpp"
#include "dspy/retrieve/documents/chunk.hpp"
#include "dspy/retrieve/retriever.hpp"
#include "dspy/retrieve/store.hpp"
#include "retrieval/index.hpp"

#ifdef DSPY_WITH_REMOTE_STORES
#include "dspy/retrieve/remote/schemes.hpp"  // IWYU pragma: keep
#endif

#include <CLI/CLI.hpp>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <format>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

struct RagFlags {
  std::string subject;
  std::string questions;
  std::string embedder;
  std::string reranker;
  std::size_t k = 5;
  bool hybrid = false;
  std::string aim = "mrr";
  std::vector<std::string> grid = {"chunk", "hybrid"};
  std::vector<std::size_t> tokens = {320, 160, 640};
  std::vector<std::size_t> ks = {5};
  std::size_t trials = 0;
  std::uint32_t seed = 0;
  double held_out = 0.3;
  std::string journal;
  std::string html;
  std::string out;
  std::size_t rows = 10;
  std::vector<std::string> prompts;
  ModelFlags model;
  bool answers = false;
  bool json = false;
};

RagAim aim_of(const RagFlags& flags) {
  if (const auto aim = rag_aim(flags.aim)) return *aim;
  throw Error(Errc::bad_input,
              std::format("unknown aim `{}`; use recall, mrr, precision, answer or grounded", flags.aim));
}

RagTuningOptions options_of(const RagFlags& flags) {
  RagTuningOptions out{.aim = aim_of(flags), .trials = flags.trials, .seed = flags.seed, .held_out = flags.held_out};
  if (!flags.embedder.empty()) out.embedder = embedder(flags.embedder);
  if (!flags.reranker.empty()) out.reranker = reranker(flags.reranker);
  if (flags.answers || needs_answers(out.aim))
    out.answer = {.lm = flags.model.make(), .sampling = flags.model.sampling};
  return out;
}

/// What `rag tune --out` wrote: a folder and how to cut and search it.
Rag rag_of_file(RagFlags flags) {
  const auto json = parse_json(read_text(flags.subject, std::uintmax_t{1} << 20U));
  const auto* const object = json ? json->if_object() : nullptr;
  if (object == nullptr || !object->contains("folder") || !object->contains("setting") ||
      !object->at("folder").is_string() || !object->at("setting").is_object())
    throw Error(Errc::bad_input,
                std::format("`{}` is not a file of `rag tune --out`: it needs `folder` and `setting`", flags.subject));
  if (const auto* const uri = object->if_contains("model");
      flags.model.model.empty() && uri != nullptr && uri->is_string())
    flags.model.model = view(uri->get_string());
  auto options = options_of(flags);
  if (const auto* const uri = object->if_contains("embedder"); !options.embedder && uri != nullptr && uri->is_string())
    options.embedder = embedder(view(uri->get_string()));
  if (const auto* const uri = object->if_contains("reranker"); !options.reranker && uri != nullptr && uri->is_string())
    options.reranker = reranker(view(uri->get_string()));
  return make_rag(std::string(view(object->at("folder").get_string())),
                  rag_setting_from_json(object->at("setting").get_object()), options);
}

Rag rag_of_index(const RagFlags& flags) {
  StoreOptions store{.is_read_only = true, .create = false};
  const auto options = options_of(flags);
  return {.search = Retriever(
              open_store(flags.subject, store),
              {.k = flags.k, .embedder = options.embedder, .hybrid = flags.hybrid, .reranker = options.reranker}),
          .answer = Predict(Rag::instructions(), options.answer)};
}

/// How many questions need what the store does not have; each is told.
std::size_t count_unanswerable(Store& store, const std::vector<RagQuestion>& questions,
                               const std::vector<RagScore>& scores) {
  struct Sought {
    std::size_t question = 0;
    const RagEvidence* evidence = nullptr;
  };
  std::vector<Sought> left;
  for (std::size_t i = 0; i < questions.size(); ++i) {
    if (scores[i].recall >= 1) continue;
    for (const auto& evidence : questions[i].evidence) left.push_back({.question = i, .evidence = &evidence});
  }
  std::string cursor;
  while (!left.empty()) {
    auto page = wait(store.scan({}, cursor));
    for (const auto& passage : page.passages)
      std::erase_if(left, [&](const Sought& sought) { return sought.evidence->is_in(passage); });
    cursor = std::move(page.next);
    if (cursor.empty()) break;
  }
  std::set<std::size_t> out;
  for (const auto& sought : left) {
    out.insert(sought.question);
    std::cerr << std::format("dspy: question {}: no passage contains what it needs (source `{}`, quote `{}`)\n",
                             sought.question + 1, sought.evidence->source, sought.evidence->quote);
  }
  return out.size();
}

int run_eval(const RagFlags& flags) {
  const auto questions = read_rag_questions(flags.questions);
  if (questions.empty()) throw Error(Errc::bad_input, std::format("there is no question in `{}`", flags.questions));
  const auto program = flags.subject.ends_with(".json") ? rag_of_file(flags) : rag_of_index(flags);
  const auto& search = program.search;
  const auto scores = flags.answers ? score_answers(program, questions) : score_search(search, questions);
  const auto unanswerable = count_unanswerable(*search.store(), questions, scores);
  JsonObject out{{"questions", questions.size()}, {"k", search.options().k}, {"unanswerable", unanswerable}};
  for (const auto aim :
       {RagAim::recall, RagAim::reciprocal_rank, RagAim::precision, RagAim::answer, RagAim::grounded}) {
    if (needs_answers(aim) && !flags.answers) continue;
    std::vector<double> values;
    for (const auto& score : scores) values.push_back(value_of(score, aim));
    const auto mean = statistics::mean(values);
    JsonObject row{{"mean", mean}};
    std::string interval;
    if (values.size() >= 2) {
      const auto found = statistics::bootstrap_mean(values);
      row["interval"] = {found.low, found.high};
      interval = std::format("  ({:.1f} to {:.1f})", 100 * found.low, 100 * found.high);
    }
    if (!flags.json) print_line(std::format("{:<10} {:5.1f} %{}", to_string(aim), 100 * mean, interval));
    out[to_string(aim)] = std::move(row);
  }
  if (flags.json) {
    print_json(out);
    return exit_ok;
  }
  print_line(std::format("{} questions, {} passages each", questions.size(), search.options().k));
  if (unanswerable != 0)
    print_line(std::format("{} of them need content that no passage has, so no search can find it; check the questions",
                           unanswerable));
  std::size_t shown = 0;
  for (std::size_t i = 0; i < questions.size() && shown < flags.rows; ++i)
    if (scores[i].recall == 0 && shown++ < flags.rows)
      print_line(std::format("  not found: {}", questions[i].question));
  return exit_ok;
}

void set_grid(const RagFlags& flags, RagTuningOptions& options) {
  auto& space = options.space;
  space = {.tokens = {flags.tokens.front()}, .ks = {flags.ks.front()}, .hybrids = {false}};
  for (const auto& name : flags.grid) {
    if (name == "chunk") {
      space.tokens = flags.tokens;
    } else if (name == "method") {
      space.methods = {ChunkMethod::automatic, ChunkMethod::recursive, ChunkMethod::sentences, ChunkMethod::fixed};
    } else if (name == "overlap") {
      space.overlaps = {0.1, 0, 0.25};
    } else if (name == "k") {
      space.ks = flags.ks.size() > 1 ? flags.ks : std::vector<std::size_t>{5, 3, 10};
    } else if (name == "hybrid") {
      if (options.embedder) space.hybrids = {false, true};  // words alone have nothing to be fused with
    } else if (name == "weight") {
      space.word_weights = {1, 0.5, 2};
    } else if (name == "rerank") {
      space.reranks = {false, true};
    } else {
      throw Error(
          Errc::bad_input,
          std::format("there is no dimension `{}`; there are chunk, method, overlap, k, hybrid, weight and rerank",
                      name));
    }
  }
}

int run_tune(const RagFlags& flags) {
  auto options = options_of(flags);
  set_grid(flags, options);
  options.space.prompts.insert(options.space.prompts.end(), flags.prompts.begin(), flags.prompts.end());
  options.journal = flags.journal;
  if (!flags.json && ::isatty(STDERR_FILENO) == 1)
    options.progress = [](std::size_t done, std::size_t total, const RagSetting&, double score) {
      std::cerr << std::format("\r{}/{} settings, the last {:.1f} ", done, total, 100 * score)
                << (done == total ? "\n" : "") << std::flush;
    };
  const auto tuning = tune_rag(flags.subject, read_rag_questions(flags.questions), options);
  if (!flags.html.empty()) replace_file(flags.html, to_html(tuning));
  if (!flags.out.empty()) {
    JsonObject file{{"folder", flags.subject}, {"setting", to_json(tuning.best)}};
    if (!flags.embedder.empty()) file["embedder"] = flags.embedder;
    if (!flags.reranker.empty()) file["reranker"] = flags.reranker;
    if (!flags.model.model.empty()) file["model"] = flags.model.model;
    replace_file(flags.out, to_pretty_text(file) + "\n");
  }
  if (flags.json) {
    print_json(to_json(tuning));
  } else {
    std::cout << to_table(tuning, flags.rows);
  }
  return exit_ok;
}

}  // namespace

void add_rag(CLI::App& app, Plan& plan) {
  auto* command = app.add_subcommand("rag", "Measure and tune chunking and search");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* what, const char* subject, const char* help,
                       int (*run)(const RagFlags&)) {
    auto flags = std::make_shared<RagFlags>();
    auto* const verb = command->add_subcommand(name, what);
    verb->add_option(subject, flags->subject, help)->required();
    verb->add_option(
            "QUESTIONS", flags->questions,
            R"(A question a line: {"question": …, "source": …, "quote": …} or with "evidence": [{…}, …]; for answers, "answer")")
        ->required();
    verb->add_option("--embedder", flags->embedder, "The embedding model, such as llama:PATH [words only]");
    verb->add_option("--reranker", flags->reranker, "The model that reranks the best passages, such as llama:PATH");
    verb->add_option("-m,--model", flags->model.model, "The model that answers, as in `dspy ask`")->group("Answers");
    verb->add_option("--temperature", flags->model.sampling.temperature, "Its sampling temperature; 0 is greedy")
        ->group("Answers");
    verb->add_option("--max-tokens", flags->model.sampling.max_tokens, "The most tokens of an answer")
        ->group("Answers");
    verb->add_option("--rows", flags->rows, "Lines of detail [10]");
    verb->add_flag("--json", flags->json, "Print JSON");
    verb->callback([flags, &plan, run] { plan = [flags, run] { return run(*flags); }; });
    return std::pair{verb, flags.get()};
  };
  const auto [eval, eval_flags] = add("eval", "Measure how well searches find what questions need", "SUBJECT",
                                      "An index (a folder or a store's URI), or a file of `rag tune --out`", run_eval);
  eval->add_option("-k", eval_flags->k, "Passages a question [5]")->check(at_least_one());
  eval->add_flag("--hybrid", eval_flags->hybrid, "Vectors and words, fused");
  eval->add_flag("--answers", eval_flags->answers,
                 "Also have the questions answered: F1 with their `answer`, and the share that the passages support")
      ->group("Answers");
  const auto [tune, tune_flags] =
      add("tune", "Try ways to chunk and search a folder of documents", "FOLDER", "The documents", run_tune);
  tune->add_option("--grid", tune_flags->grid,
                   "The settings to vary: chunk,method,overlap,k,hybrid,weight,rerank [chunk,hybrid]")
      ->delimiter(',');
  tune->add_option("--tokens", tune_flags->tokens, "Sizes of chunks [320,160,640]")
      ->delimiter(',')
      ->check(at_least_one());
  tune->add_option("-k", tune_flags->ks, "Passages a question [5]")->delimiter(',')->check(at_least_one());
  tune->add_option("--aim", tune_flags->aim,
                   "recall, mrr or precision; with answers of the model: answer (F1) or grounded [mrr]");
  tune->add_option("--prompt", tune_flags->prompts,
                   "Instructions for the answer to try beside the usual ones (may be repeated)")
      ->group("Answers");
  tune->add_option("--trials", tune_flags->trials, "Try this many settings, chosen by a Parzen estimator [0: all]");
  tune->add_option("--seed", tune_flags->seed, "Of what is drawn [0]");
  tune->add_option("--held-out", tune_flags->held_out, "The share of questions held out from tuning [0.3]");
  tune->add_option("--journal", tune_flags->journal, "Record trials in this file, so that the run can be resumed");
  tune->add_option("--html", tune_flags->html, "Write the report as an HTML page");
  tune->add_option("--out", tune_flags->out, "Write the best setting, for `rag eval`");
  command->footer("Example:\n  dspy rag tune docs questions.jsonl --grid chunk,k --html report.html --out rag.json");
}

}  // namespace dspy::app
