#include "dspy/optimize/tuning/rag_tuning.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/evaluate/comparison.hpp"
#include "dspy/evaluate/statistics.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/optimize/kernel/tpe.hpp"
#include "dspy/retrieve/documents/chunk.hpp"
#include "dspy/retrieve/embedding_cache.hpp"
#include "dspy/retrieve/ingest/ingest.hpp"
#include "dspy/retrieve/memory_store.hpp"
#include "dspy/retrieve/retriever.hpp"
#include "dspy/retrieve/search/search.hpp"
#include "dspy/retrieve/store.hpp"
#include "optimize/tuning/rag_grid.hpp"
#include "optimize/tuning/rag_journal.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <format>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

namespace fs = std::filesystem;

/// Indexes of a folder by how it is cut, made when first asked for.
class Indexes {
 public:
  Indexes(fs::path folder, const RagTuningOptions& options) : folder_(std::move(folder)), options_(options) {
    if (options.embedder) embedder_ = std::make_shared<CachedEmbedder>(options.embedder);
  }

  std::shared_ptr<Store> of(const RagSetting& setting) {
    const auto key = std::format("{}|{}|{}", to_string(setting.method), setting.tokens, setting.overlap);
    if (const auto found = stores_.find(key); found != stores_.end()) return found->second;
    auto store = std::make_shared<MemoryStore>();
    const auto report = ingest(store, folder_,
                               {.chunk = {.method = setting.method,
                                          .tokens = setting.tokens,
                                          .overlap = setting.overlap,
                                          .count = options_.count},
                                .embedder = embedder_});
    if (report.passages_written == 0)
      throw Error(Errc::bad_input, std::format("there is no passage in `{}`: {} files, {} of them unreadable",
                                               folder_.string(), report.files, report.failures.size()));
    return stores_.emplace(key, std::move(store)).first->second;
  }

  Retriever search(const RagSetting& setting) {
    if (setting.rerank && !options_.reranker)
      throw Error(Errc::config_error, "the space has reranking, but there is no reranker; give one");
    RetrieverOptions search{.k = setting.k, .embedder = embedder_, .hybrid = setting.hybrid && embedder_ != nullptr};
    if (search.hybrid) search.fusion.weights = {1, setting.word_weight};
    if (setting.rerank) search.reranker = options_.reranker;
    return Retriever(of(setting), std::move(search));
  }

  Rag rag(const RagSetting& setting) {
    auto signature = Rag::instructions();
    if (!setting.prompt.empty()) signature.instructions = setting.prompt;
    return {.search = search(setting), .answer = Predict(signature, options_.answer)};
  }

 private:
  fs::path folder_;
  const RagTuningOptions& options_;
  std::shared_ptr<Embedder> embedder_;
  std::map<std::string, std::shared_ptr<Store>> stores_;
};

std::vector<double> values(const std::vector<RagScore>& scores, RagAim aim) {
  std::vector<double> out;
  out.reserve(scores.size());
  for (const auto& score : scores) out.push_back(value_of(score, aim));
  return out;
}

/// A tuning under way.
class Tuning {
 public:
  Tuning(const fs::path& folder, const std::vector<RagQuestion>& questions, const RagTuningOptions& options)
      : options_(options),
        indexes_(folder, options),
        journal_(options.journal,
                 options.journal.empty() ? std::string() : rag_fingerprint(folder, questions, options)) {
    auto all = questions;
    Random random(options.seed);
    random.shuffle(std::span(all));
    const auto share = static_cast<double>(all.size()) * options.held_out;
    const auto held = std::min(static_cast<std::size_t>(share), all.size() - 1);
    held_out_.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(held));
    tuning_.assign(all.begin() + static_cast<std::ptrdiff_t>(held), all.end());
  }

  RagTuning run() {
    const RagGrid space(options_.space);
    const auto grid = space.grid();
    result_.first = space.at(std::vector<std::size_t>(space.sizes().size()));
    if (options_.trials == 0) {
      for (const auto& point : grid) try_one(space.at(point), grid.size());
    } else {
      optimize::TpeSampler sampler(space.dimensions(), options_.seed);
      std::vector<std::size_t> point(space.sizes().size());
      for (std::size_t i = 0; i < options_.trials; ++i) {
        if (i > 0) point = sampler.suggest();
        sampler.record(point, try_one(space.at(point), options_.trials));
      }
    }
    return finish();
  }

 private:
  std::vector<double> scored(const RagSetting& setting, const std::vector<RagQuestion>& questions) {
    return values(needs_answers(options_.aim) ? score_answers(indexes_.rag(setting), questions)
                                              : score_search(indexes_.search(setting), questions),
                  options_.aim);
  }

  double try_one(const RagSetting& setting, std::size_t total) {
    const auto before = std::ranges::find(result_.trials, setting, &RagTrial::setting);
    if (before != result_.trials.end()) return before->score;
    RagTrial trial;
    if (const auto* const done = journal_.find(setting); done != nullptr && done->scores.size() == tuning_.size()) {
      trial = *done;
    } else {
      trial.setting = setting;
      trial.scores = scored(setting, tuning_);
      trial.passages = wait(indexes_.of(setting)->count());
      journal_.add(trial);
    }
    trial.score = statistics::mean(trial.scores);
    result_.trials.push_back(trial);
    if (options_.progress) options_.progress(result_.trials.size(), total, setting, trial.score);
    return trial.score;
  }

  RagTuning finish() {
    std::ranges::stable_sort(result_.trials, std::greater(), &RagTrial::score);
    result_.aim = options_.aim;
    result_.best = result_.trials.front().setting;
    // What is no better than the first is no reason to leave it.
    const auto first = std::ranges::find(result_.trials, result_.first, &RagTrial::setting);
    if (first != result_.trials.end() && first->score >= result_.trials.front().score) result_.best = result_.first;
    result_.tuning_questions = tuning_.size();
    result_.held_out_questions = held_out_.size();
    if (held_out_.size() >= 2 && result_.best != result_.first) {
      const auto a = scored(result_.first, held_out_), b = scored(result_.best, held_out_);
      result_.held_out = compare(a, b);
    }
    return std::move(result_);
  }

  const RagTuningOptions& options_;
  Indexes indexes_;
  RagJournal journal_;
  std::vector<RagQuestion> tuning_, held_out_;
  RagTuning result_;
};

}  // namespace

RagTuning tune_rag(const fs::path& folder, const std::vector<RagQuestion>& questions, const RagTuningOptions& options) {
  if (questions.size() < 2) throw Error(Errc::invalid_parameter, "tuning needs two questions or more");
  if (!(options.held_out >= 0 && options.held_out < 1))
    throw Error(Errc::invalid_parameter, std::format("a share of {} held out is not in [0, 1)", options.held_out));
  if (options.space.prompts.size() > 1 && !needs_answers(options.aim))
    throw Error(
        Errc::invalid_parameter,
        std::format("a prompt changes answers, and not `{}`; aim at `answer` or `grounded`, or leave the prompts "
                    "out",
                    to_string(options.aim)));
  return Tuning(folder, questions, options).run();
}

Retriever make_search(const fs::path& folder, const RagSetting& setting, const RagTuningOptions& options) {
  return Indexes(folder, options).search(setting);
}

Rag make_rag(const fs::path& folder, const RagSetting& setting, const RagTuningOptions& options) {
  return Indexes(folder, options).rag(setting);
}

}  // namespace dspy
