#include "optimize/tuning/rag_journal.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/sha256.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/retrieve/embedding_cache.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <format>
#include <fstream>
#include <utility>

namespace dspy {

namespace fs = std::filesystem;

std::string rag_fingerprint(const fs::path& folder, const std::vector<RagQuestion>& questions,
                            const RagTuningOptions& options) {
  std::string all = std::format("{}|{}|{}|{}|", to_string(options.aim), options.seed, options.held_out,
                                options.embedder ? embedder_fingerprint(*options.embedder) : "");
  if (options.reranker) all += options.reranker->model();
  if (needs_answers(options.aim) && options.answer.lm) all += std::format("|{}", options.answer.lm->model());
  for (const auto& question : questions) {
    all += '\n' + question.question;
    if (!question.answer.empty()) all += "|=" + question.answer;
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

RagJournal::RagJournal(std::filesystem::path path, std::string fingerprint)
    : path_(std::move(path)), fingerprint_(std::move(fingerprint)) {
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

const RagTrial* RagJournal::find(const RagSetting& setting) const {
  const auto found = std::ranges::find(trials_, setting, &RagTrial::setting);
  return found == trials_.end() ? nullptr : &*found;
}

void RagJournal::add(const RagTrial& trial) {
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

void RagJournal::read(std::string_view line) {
  const auto json = parse_json(line);
  const auto* const row = json ? json->if_object() : nullptr;
  if (row == nullptr || !row->contains("of") || !row->contains("setting") || !row->contains("scores") ||
      !row->contains("passages"))
    throw Error(Errc::config_error, std::format("`{}` is not a journal of trials; give another file", path_.string()));
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

}  // namespace dspy
