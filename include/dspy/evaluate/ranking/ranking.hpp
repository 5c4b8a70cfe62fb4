#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

// How well documents were ranked, with the semantics of NIST's trec_eval: documents are ordered by score, equal scores
// by id from the last to the first; what was not judged is not relevant; recall and average precision divide by all
// relevant documents, found or not.

namespace dspy::ranking {

/// A document that a search returned.
struct Retrieved {
  std::string id = {};
  double score = 0;

  bool operator==(const Retrieved&) const = default;
};

/// How relevant documents are, by id.  Negative: not judged.
using Judgements = std::unordered_map<std::string, int>;
/// By topic (query).
using Qrels = std::map<std::string, Judgements>;
using Runs = std::map<std::string, std::vector<Retrieved>>;

/// One topic's ranking, as the measures see it.
struct Ranked {
  std::vector<int> found = {};   ///< The judgement of each document by rank; -1 where there is none.
  std::vector<int> judged = {};  ///< All judgements above 0, largest first.
  int level = 1;                 ///< From which on a document is relevant.
  std::size_t relevant = 0;      ///< Judged documents that are.
  std::size_t irrelevant = 0;    ///< Judged documents that are not.

  bool is_relevant(std::size_t rank) const { return found[rank] >= level; }
};

/// Orders and judges what was found.  Throws `Error` (`bad_input`) for a document twice or a score that is not a
/// number,
/// (`invalid_parameter`) for a level below 1.
Ranked ranked(std::span<const Retrieved> found, const Judgements& judgements, int level = 1);
/// What was found in its order, best first, without scores.
Ranked ranked(std::span<const std::string> found, const Judgements& judgements, int level = 1);

// Measures of one topic, from 0 to 1.  Without a relevant document all are 0.  A `k` of 0 is an `Error`
// (`invalid_parameter`).
double precision(const Ranked& topic, std::size_t k);  ///< Divides by k, also where fewer were found.
double recall(const Ranked& topic, std::size_t k);
double hit(const Ranked& topic, std::size_t k);  ///< trec_eval's `success`.
double reciprocal_rank(const Ranked& topic);
double average_precision(const Ranked& topic);
double average_precision(const Ranked& topic, std::size_t k);
double r_precision(const Ranked& topic);
double bpref(const Ranked& topic);
double set_f1(const Ranked& topic);  ///< Of all that was found.

/// How gains and ranks are weighed.
enum class Gain {
  linear,       ///< trec_eval: the judgement, over log2(rank + 1).
  exponential,  ///< Burges et al. 2005: 2^judgement - 1, over log2(rank + 1).
  original,     ///< Järvelin and Kekäläinen 2002: the judgement, over log2(rank) from rank 2 on.
};
/// Over all that was found, against the best order of all that was judged.
double ndcg(const Ranked& topic, Gain gain = Gain::linear);
double ndcg(const Ranked& topic, std::size_t k, Gain gain = Gain::linear);

/// scikit-learn's `ndcg_score` of one row: equal scores share the mean gain of their places.  `k` 0: all.  With
/// `ignore_ties`, equal scores keep the order of the vectors reversed.  Throws `Error` (`bad_input`) for vectors of
/// different lengths, negative gains or what is not a number.
double tied_ndcg(std::span<const double> gains, std::span<const double> scores, std::size_t k = 0,
                 bool ignore_ties = false);

/// The measure that trec_eval calls so: `map`, `map_cut_K`, `P_K`, `recall_K`, `success_K`, `recip_rank`, `Rprec`,
/// `bpref`, `set_F`, `ndcg`, `ndcg_cut_K`; and `hit_K`, `ndcg_exp`, `ndcg_exp_cut_K`.  Throws `Error`
/// (`invalid_parameter`) for another name.
double measure(std::string_view name, const Ranked& topic);

struct RankingOptions {
  int level = 1;
  /// Topics without a run count as 0 (trec_eval's `-c`); if not, only topics that both have are counted.
  bool counts_missing = false;
};

struct RankingResult {
  std::map<std::string, double> means = {};  ///< By measure.
  std::map<std::string, std::map<std::string, double>> topics = {};
};

/// Measures a run.  Throws as `ranked` and `measure` do, naming the topic.
RankingResult evaluate_ranking(const Qrels& qrels, const Runs& runs, const std::vector<std::string>& measures,
                               const RankingOptions& options = {});

// Files as TREC has them: `topic 0 document judgement` and `topic Q0 document rank score tag`, a line each.  Reading
// throws `Error` (`io_error`, `bad_input`) that names the line.  Writing ranks from 1, best first.
Qrels read_qrels(const std::filesystem::path& path);
Runs read_run(const std::filesystem::path& path);
Qrels parse_qrels(std::string_view text);
Runs parse_run(std::string_view text);
std::string qrels_text(const Qrels& qrels);
std::string run_text(const Runs& runs, std::string_view tag);

}  // namespace dspy::ranking
