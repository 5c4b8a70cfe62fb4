#include "dspy/optimize/tuning/rag_tuning.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/sha256.hpp"
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
#include "dspy/retrieve/store.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

namespace fs = std::filesystem;

/// The settings of a space by their places in it.
class Space {
 public:
  explicit Space(const RagSpace& space) : space_(space) {
    for (const auto size : sizes())
      if (size == 0)
        throw Error(Errc::invalid_parameter, "a dimension of the space has no choice; give each one or more");
  }

  std::vector<std::size_t> sizes() const {
    return {space_.methods.size(), space_.tokens.size(),       space_.overlaps.size(), space_.ks.size(),
            space_.hybrids.size(), space_.word_weights.size(), space_.reranks.size()};
  }

  std::vector<optimize::TpeSampler::Dimension> dimensions() const {
    constexpr std::string_view names[] = {"method", "tokens", "overlap", "k", "hybrid", "word_weight", "rerank"};
    std::vector<optimize::TpeSampler::Dimension> out;
    for (std::size_t i = 0; i < std::size(names); ++i)
      out.push_back({.name = std::string(names[i]), .choices = sizes()[i]});
    return out;
  }

  RagSetting at(const std::vector<std::size_t>& point) const {
    RagSetting setting{.method = space_.methods[point[0]],
                       .tokens = space_.tokens[point[1]],
                       .overlap = space_.overlaps[point[2]],
                       .k = space_.ks[point[3]],
                       .hybrid = space_.hybrids[point[4]],
                       .word_weight = space_.word_weights[point[5]],
                       .rerank = space_.reranks[point[6]]};
    if (!setting.hybrid) setting.word_weight = space_.word_weights[0];  // it makes no difference
    return setting;
  }

  std::vector<std::vector<std::size_t>> grid() const {
    std::vector<std::vector<std::size_t>> out;
    std::vector<RagSetting> seen;
    std::vector<std::size_t> point(sizes().size());
    for (;;) {
      if (!std::ranges::contains(seen, at(point))) {
        seen.push_back(at(point));
        out.push_back(point);
      }
      std::size_t i = point.size();
      while (i > 0 && ++point[i - 1] == sizes()[i - 1]) point[--i] = 0;
      if (i == 0) return out;
    }
  }

 private:
  const RagSpace& space_;
};

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

/// What a journal's trials depend on.
std::string fingerprint_of(const fs::path& folder, const std::vector<RagQuestion>& questions,
                           const RagTuningOptions& options) {
  std::string all = std::format("{}|{}|{}|{}|", to_string(options.aim), options.seed, options.held_out,
                                options.embedder ? embedder_fingerprint(*options.embedder) : "");
  if (options.reranker) all += options.reranker->model();
  for (const auto& question : questions) {
    all += '\n' + question.question;
    for (const auto& each : question.evidence) all += std::format("|{}|{}", each.source, each.quote);
  }
  std::vector<std::string> files;
  for (const auto& each : fs::recursive_directory_iterator(folder))
    if (each.is_regular_file())
      files.push_back(
          std::format("{}|{}", each.path().string(), sha256(read_file(each.path(), std::uintmax_t{1} << 30U))));
  std::ranges::sort(files);
  for (const auto& file : files) all += '\n' + file;
  return sha256(all);
}

/// Trials on a disk.
class Journal {
 public:
  Journal(fs::path path, std::string fingerprint) : path_(std::move(path)), fingerprint_(std::move(fingerprint)) {
    if (path_.empty() || !fs::exists(path_)) return;
    const auto text = read_text(path_, std::uintmax_t{1} << 30U);
    for (std::string_view rest = text; !rest.empty();) {
      const auto end = rest.find('\n');
      if (end == std::string_view::npos) {  // cut off by a killed process
        replace_file(path_, std::string_view(text).substr(0, text.size() - rest.size()));
        break;
      }
      read(rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
  }

  const RagTrial* find(const RagSetting& setting) const {
    const auto found = std::ranges::find(trials_, setting, &RagTrial::setting);
    return found == trials_.end() ? nullptr : &*found;
  }

  void add(const RagTrial& trial) {
    if (path_.empty()) return;
    JsonArray scores(trial.scores.begin(), trial.scores.end());
    std::ofstream out(path_, std::ios::app);
    out << to_text(JsonObject{{"of", fingerprint_},
                              {"setting", to_json(trial.setting)},
                              {"scores", std::move(scores)},
                              {"passages", trial.passages}})
        << '\n';
    if (!out.flush()) throw Error(Errc::io_error, std::format("cannot write `{}`", path_.string()));
  }

 private:
  void read(std::string_view line) {
    const auto json = parse_json(line);
    const auto* const row = json ? json->if_object() : nullptr;
    if (row == nullptr || !row->contains("of") || !row->contains("setting") || !row->contains("scores") ||
        !row->contains("passages"))
      throw Error(Errc::config_error,
                  std::format("`{}` is not a journal of trials; give another file", path_.string()));
    if (view(row->at("of").as_string()) != fingerprint_)
      throw Error(Errc::config_error,
                  std::format("the trials in `{}` are of other questions, documents or models; give another file",
                              path_.string()));
    RagTrial trial{.setting = rag_setting_from_json(row->at("setting").as_object()),
                   .passages = row->at("passages").to_number<std::size_t>(),
                   .was_resumed = true};
    for (const auto& score : row->at("scores").as_array()) trial.scores.push_back(score.to_number<double>());
    trials_.push_back(std::move(trial));
  }

  fs::path path_;
  std::string fingerprint_;
  std::vector<RagTrial> trials_;
};

/// A tuning under way.
class Tuning {
 public:
  Tuning(const fs::path& folder, const std::vector<RagQuestion>& questions, const RagTuningOptions& options)
      : options_(options),
        indexes_(folder, options),
        journal_(options.journal,
                 options.journal.empty() ? std::string() : fingerprint_of(folder, questions, options)) {
    auto all = questions;
    Random random(options.seed);
    random.shuffle(std::span(all));
    const auto share = static_cast<double>(all.size()) * options.held_out;
    const auto held = std::min(static_cast<std::size_t>(share), all.size() - 1);
    held_out_.assign(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(held));
    tuning_.assign(all.begin() + static_cast<std::ptrdiff_t>(held), all.end());
  }

  RagTuning run() {
    const Space space(options_.space);
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
  double try_one(const RagSetting& setting, std::size_t total) {
    const auto before = std::ranges::find(result_.trials, setting, &RagTrial::setting);
    if (before != result_.trials.end()) return before->score;
    RagTrial trial;
    if (const auto* const done = journal_.find(setting); done != nullptr && done->scores.size() == tuning_.size()) {
      trial = *done;
    } else {
      trial.setting = setting;
      trial.scores = values(score_search(indexes_.search(setting), tuning_), options_.aim);
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
      const auto a = values(score_search(indexes_.search(result_.first), held_out_), options_.aim);
      const auto b = values(score_search(indexes_.search(result_.best), held_out_), options_.aim);
      result_.held_out = compare(a, b);
    }
    return std::move(result_);
  }

  const RagTuningOptions& options_;
  Indexes indexes_;
  Journal journal_;
  std::vector<RagQuestion> tuning_, held_out_;
  RagTuning result_;
};

}  // namespace

RagTuning tune_rag(const fs::path& folder, const std::vector<RagQuestion>& questions, const RagTuningOptions& options) {
  if (questions.size() < 2) throw Error(Errc::invalid_parameter, "tuning needs two questions or more");
  if (!(options.held_out >= 0 && options.held_out < 1))
    throw Error(Errc::invalid_parameter, std::format("a share of {} held out is not in [0, 1)", options.held_out));
  return Tuning(folder, questions, options).run();
}

Retriever make_search(const fs::path& folder, const RagSetting& setting, const RagTuningOptions& options) {
  return Indexes(folder, options).search(setting);
}

}  // namespace dspy
