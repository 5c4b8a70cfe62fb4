#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/optimize/tuning/rag_tuning.hpp"
#include "dspy/retrieve/documents/chunk.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/retriever.hpp"
#include "retrieve/search/single_blanks.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

constexpr auto aims = std::to_array<std::string_view>({"recall", "mrr", "precision", "answer", "grounded"});

std::string text_at(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  if (value == nullptr) return {};
  if (!value->is_string()) throw Error(Errc::bad_input, std::format("`{}` is not text", name));
  return std::string(view(value->get_string()));
}

RagEvidence evidence_of(const JsonObject& object) {
  RagEvidence out{.source = text_at(object, "source"), .quote = single_blanks(text_at(object, "quote"))};
  if (out.source.empty() && out.quote.empty())
    throw Error(Errc::bad_input, "there is neither `source` nor `quote` to tell what helps");
  return out;
}

RagQuestion question_of(const Json& json) {
  if (!json.is_object()) throw Error(Errc::bad_input, "it is not a JSON object");
  const auto& row = json.get_object();
  RagQuestion out{.question = text_at(row, "question")};
  if (text::trim(out.question).empty()) throw Error(Errc::bad_input, "there is no `question`");
  out.answer = text_at(row, "answer");
  if (const auto* const list = row.if_contains("evidence")) {
    if (!list->is_array() || list->get_array().empty())
      throw Error(Errc::bad_input, "`evidence` is not a list of objects, or an empty one");
    for (const auto& each : list->get_array()) {
      if (!each.is_object()) throw Error(Errc::bad_input, "`evidence` has what is not an object");
      out.evidence.push_back(evidence_of(each.get_object()));
    }
  } else {
    out.evidence.push_back(evidence_of(row));
  }
  return out;
}

}  // namespace

bool RagEvidence::is_in(const Passage& passage) const {
  if (!source.empty()) {
    if (!passage.source.ends_with(source)) return false;
    const auto before = passage.source.size() - source.size();
    if (before > 0 && passage.source[before - 1] != '/' && !source.starts_with('/')) return false;
  }
  return quote.empty() || single_blanks(passage.text).contains(single_blanks(quote));
}

std::vector<RagQuestion> read_rag_questions(const std::filesystem::path& path) {
  const auto text = read_text(path, std::uintmax_t{1} << 30U);
  std::vector<RagQuestion> out;
  std::string_view rest = text;
  for (std::size_t line = 1; !rest.empty(); ++line) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const auto row = text::trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (row.empty()) continue;
    try {
      const auto json = parse_json(row);
      if (!json) throw Error(Errc::bad_input, json.error().message);
      out.push_back(question_of(*json));
    } catch (const Error& error) {
      throw Error(Errc::bad_input, std::format("`{}`, line {}: {}", path.string(), line, error.what()));
    }
  }
  return out;
}

RagScore score_hits(const RagQuestion& question, const std::vector<Hit>& hits) {
  RagScore out;
  std::vector<bool> found(question.evidence.size());
  std::size_t helping = 0;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    bool helps = false;
    for (std::size_t j = 0; j < question.evidence.size(); ++j) {
      if (!question.evidence[j].is_in(hits[i].passage)) continue;
      helps = true;
      found[j] = true;
    }
    if (!helps) continue;
    if (helping++ == 0) out.reciprocal_rank = 1 / static_cast<double>(i + 1);
  }
  if (!hits.empty()) out.precision = static_cast<double>(helping) / static_cast<double>(hits.size());
  if (!found.empty())
    out.recall = static_cast<double>(std::ranges::count(found, true)) / static_cast<double>(found.size());
  return out;
}

std::vector<RagScore> score_search(const Retriever& search, const std::vector<RagQuestion>& questions) {
  std::vector<RagScore> out;
  out.reserve(questions.size());
  for (const auto& question : questions) out.push_back(score_hits(question, search(question.question)));
  return out;
}

std::string_view to_string(RagAim aim) noexcept {
  return aims[static_cast<std::size_t>(aim)];
}

std::optional<RagAim> rag_aim(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(aims, name);
  if (found == aims.end()) return {};
  return static_cast<RagAim>(found - aims.begin());
}

double value_of(const RagScore& score, RagAim aim) noexcept {
  switch (aim) {
    case RagAim::recall: return score.recall;
    case RagAim::reciprocal_rank: return score.reciprocal_rank;
    case RagAim::precision: return score.precision;
    case RagAim::answer: return score.answer;
    case RagAim::grounded: return score.grounded;
  }
  return 0;
}

bool needs_answers(RagAim aim) noexcept {
  return aim == RagAim::answer || aim == RagAim::grounded;
}

JsonObject to_json(const RagSetting& setting) {
  JsonObject out{{"method", to_string(setting.method)},
                 {"tokens", setting.tokens},
                 {"overlap", setting.overlap},
                 {"k", setting.k},
                 {"hybrid", setting.hybrid},
                 {"word_weight", setting.word_weight},
                 {"rerank", setting.rerank}};
  if (!setting.prompt.empty()) out["prompt"] = setting.prompt;
  return out;
}

RagSetting rag_setting_from_json(const JsonObject& json) {
  const auto member = [&](std::string_view name) -> const Json& {
    if (const auto* const value = json.if_contains(name)) return *value;
    throw Error(Errc::config_error, std::format("the setting has no `{}`", name));
  };
  try {
    const auto method = chunk_method(view(member("method").as_string()));
    if (!method) throw Error(Errc::config_error, "the setting's `method` is none of those there are");
    return {.method = *method,
            .tokens = member("tokens").to_number<std::size_t>(),
            .overlap = member("overlap").to_number<double>(),
            .k = member("k").to_number<std::size_t>(),
            .hybrid = member("hybrid").as_bool(),
            .word_weight = member("word_weight").to_number<double>(),
            .rerank = member("rerank").as_bool(),
            .prompt = text_at(json, "prompt")};
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(Errc::config_error, std::format("the setting cannot be read: {}", error.what()));
  }
}

}  // namespace dspy
