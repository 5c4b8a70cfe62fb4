#pragma once

#include "dspy/evaluate/comparison.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/retrieve/documents/chunk.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/retriever.hpp"
#include "dspy/retrieve/search/search.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Which way of cutting and searching a folder of documents finds what questions need, and which instructions then
// answer them best.

namespace dspy {

/// What a passage must be from, or have in it, to help with a question.
struct RagEvidence {
  std::string source = {};  ///< The end of its source, such as `guide/setup.md`; empty: any.
  std::string quote = {};   ///< What its text has, whatever the white space; empty: anything.

  bool is_in(const Passage& passage) const;
};

struct RagQuestion {
  std::string question = {};
  std::vector<RagEvidence> evidence = {};
  std::string answer = {};  ///< What an answer says, where answers are measured.
};

/// Reads JSONL: `{"question": "…", "evidence": [{"source": "…", "quote": "…"}], "answer": "…"}`, or for short `source`
/// and `quote` next to the question; `answer` may be absent.  Throws `Error` (`bad_input`) that names the line.
std::vector<RagQuestion> read_rag_questions(const std::filesystem::path& path);

/// How well a search found the evidence for a question, and how well it was answered.
struct RagScore {
  double recall = 0;           ///< The share of its evidence that is among the hits.
  double reciprocal_rank = 0;  ///< Of the first hit with evidence; 0 if there is none.
  double precision = 0;        ///< The share of the hits that have evidence.
  double answer = 0;           ///< F1 of the answer's words, without marks, and of those it should have.
  double grounded = 0;         ///< 1 if every statement is supported by the passage that it cites (`check_citations`).

  bool operator==(const RagScore&) const = default;
};
RagScore score_hits(const RagQuestion& question, const std::vector<Hit>& hits);

/// The scores of each question in its order.
std::vector<RagScore> score_search(const Retriever& search, const std::vector<RagQuestion>& questions);

/// The same and how the program answered them; so many at once.  Throws `Error` (`bad_input`) for a question without
/// an `answer`.
std::vector<RagScore> score_answers(const Rag& program, const std::vector<RagQuestion>& questions,
                                    std::size_t concurrency = 8);

/// The number that tuning makes large.
enum class RagAim { recall, reciprocal_rank, precision, answer, grounded };
/// Whether it takes a model that answers.
bool needs_answers(RagAim aim) noexcept;
std::string_view to_string(RagAim aim) noexcept;
std::optional<RagAim> rag_aim(std::string_view name) noexcept;
double value_of(const RagScore& score, RagAim aim) noexcept;

/// A way to cut, to search and to answer.
struct RagSetting {
  ChunkMethod method = ChunkMethod::automatic;
  std::size_t tokens = 320;
  double overlap = 0.1;
  std::size_t k = 5;
  bool hybrid = false;
  double word_weight = 1;  ///< Of BM25 beside 1 for vectors, where both are looked for.
  bool rerank = false;
  std::string prompt = {};  ///< The instructions for the answer; empty: those of `Rag`.

  bool operator==(const RagSetting&) const = default;
};
JsonObject to_json(const RagSetting& setting);
RagSetting rag_setting_from_json(const JsonObject& json);

/// What may be chosen; the first of each is what the others are compared with.
struct RagSpace {
  std::vector<ChunkMethod> methods = {ChunkMethod::automatic};
  std::vector<std::size_t> tokens = {320, 160, 640};
  std::vector<double> overlaps = {0.1};
  std::vector<std::size_t> ks = {5};
  std::vector<bool> hybrids = {false, true};
  std::vector<double> word_weights = {1};
  std::vector<bool> reranks = {false};
  std::vector<std::string> prompts = {""};
};

struct RagTuningOptions {
  RagSpace space = {};
  RagAim aim = RagAim::reciprocal_rank;
  /// 0: every setting of the space is tried (a grid).  Else a tree-structured Parzen estimator chooses as many.
  std::size_t trials = 0;
  std::uint32_t seed = 0;
  double held_out = 0.3;  ///< The share of the questions that only the best and the first setting see.
  std::shared_ptr<Embedder> embedder = {};
  std::shared_ptr<Reranker> reranker = {};
  PredictorOptions answer = {};  ///< What answers, where the aim needs answers.
  TokenCounter count = {};
  /// A file of finished trials (JSON lines): they are not run again, new ones are added.  A file for other questions,
  /// documents or models is refused.  Empty: none.
  std::filesystem::path journal = {};
  std::function<void(std::size_t done, std::size_t total, const RagSetting& setting, double score)> progress = {};
};

struct RagTrial {
  RagSetting setting = {};
  double score = 0;                 ///< The mean of the aim over the questions for tuning.
  std::vector<double> scores = {};  ///< Of each.
  std::size_t passages = 0;
  bool was_resumed = false;
};

struct RagTuning {
  RagAim aim = RagAim::reciprocal_rank;
  std::vector<RagTrial> trials = {};  ///< Best first; equal ones in the order tried.
  RagSetting first = {};
  RagSetting best = {};
  std::size_t tuning_questions = 0;
  std::size_t held_out_questions = 0;
  /// The best setting (`b`) compared with the first (`a`) on the held-out questions; absent if there are fewer than
  /// two, or the first is the best.
  std::optional<Comparison> held_out = {};
};

/// Tries settings on a folder.  Settings that cut alike share an index, and texts that are the same share vectors.
/// Throws `Error` (`invalid_parameter`) for fewer than two questions or an empty space, and what reading and searching
/// throw.
RagTuning tune_rag(const std::filesystem::path& folder, const std::vector<RagQuestion>& questions,
                   const RagTuningOptions& options);

/// A search over a folder as the setting says, over an index in memory.
Retriever make_search(const std::filesystem::path& folder, const RagSetting& setting, const RagTuningOptions& options);
/// The program that answers from it.
Rag make_rag(const std::filesystem::path& folder, const RagSetting& setting, const RagTuningOptions& options);

std::string to_table(const RagTuning& tuning, std::size_t rows = 10);
JsonObject to_json(const RagTuning& tuning);
/// One page that needs nothing else: the comparison, what each choice does on average, and all trials.
std::string to_html(const RagTuning& tuning);

}  // namespace dspy
