#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/text.hpp"
#include "dspy/evaluate/ranking/ranking.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

// Measures by trec_eval's names, and TREC's files.

namespace dspy::ranking {
namespace {

using Plain = double (*)(const Ranked&);
using Cut = double (*)(const Ranked&, std::size_t);

constexpr std::uintmax_t most_bytes = std::uintmax_t{4} << 30U;

constexpr auto plain = std::to_array<std::pair<std::string_view, Plain>>({
    {"map", [](const Ranked& t) { return average_precision(t); }},
    {"recip_rank", reciprocal_rank},
    {"Rprec", r_precision},
    {"bpref", bpref},
    {"set_F", set_f1},
    {"ndcg", [](const Ranked& t) { return ndcg(t); }},
    {"ndcg_exp", [](const Ranked& t) { return ndcg(t, Gain::exponential); }},
});
constexpr auto cut = std::to_array<std::pair<std::string_view, Cut>>({
    {"map_cut_", [](const Ranked& t, std::size_t k) { return average_precision(t, k); }},
    {"P_", precision},
    {"recall_", recall},
    {"success_", hit},
    {"hit_", hit},
    {"ndcg_cut_", [](const Ranked& t, std::size_t k) { return ndcg(t, k); }},
    {"ndcg_exp_cut_", [](const Ranked& t, std::size_t k) { return ndcg(t, k, Gain::exponential); }},
});

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

/// A line's words; more than six are of no file.
std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  for (;;) {
    const auto begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return out;
    const auto end = std::min(line.find_first_of(" \t\r", begin), line.size());
    out.push_back(line.substr(begin, end - begin));
    line.remove_prefix(end);
  }
}

template <class F>
void each_line(std::string_view text, std::size_t columns, F read) {
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto row = words(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.empty()) continue;
    if (row.size() != columns)
      throw Error(Errc::bad_input, std::format("line {} has {} columns where there are {}", line, row.size(), columns));
    read(row, line);
  }
}

[[noreturn]] void no_number(std::size_t line, std::string_view text) {
  throw Error(Errc::bad_input, std::format("line {}: `{}` is not a number", line, text));
}

}  // namespace

namespace {

/// A measure that was found by its name.
struct Measure {
  Plain plain = nullptr;
  Cut cut = nullptr;
  std::size_t k = 0;

  double operator()(const Ranked& topic) const { return plain != nullptr ? plain(topic) : cut(topic, k); }
};

Measure named(std::string_view name) {
  for (const auto& [each, of] : plain)
    if (each == name) return {.plain = of};
  for (const auto& [prefix, of] : cut) {
    if (!name.starts_with(prefix)) continue;
    if (const auto k = number<std::size_t>(name.substr(prefix.size()))) return {.cut = of, .k = *k};
  }
  throw Error(
      Errc::invalid_parameter,
      std::format("there is no measure `{}`; there are map, recip_rank, Rprec, bpref, set_F, ndcg, ndcg_exp, and "
                  "with a number map_cut_K, P_K, recall_K, success_K, hit_K, ndcg_cut_K, ndcg_exp_cut_K",
                  name));
}

}  // namespace

double measure(std::string_view name, const Ranked& topic) {
  return named(name)(topic);
}

RankingResult evaluate_ranking(const Qrels& qrels, const Runs& runs, const std::vector<std::string>& measures,
                               const RankingOptions& options) {
  RankingResult result;
  std::vector<Measure> found;
  for (const auto& name : measures) found.push_back(named(name));  // refuses a name before the work
  for (const auto& of : found) of({});                             // and a cut of 0
  std::vector<double> sums(measures.size());
  std::size_t topics = 0;
  for (const auto& [topic, judgements] : qrels) {
    const auto run = runs.find(topic);
    if (run == runs.end()) {
      topics += options.counts_missing ? 1 : 0;
      continue;
    }
    ++topics;
    try {
      const auto judged = ranked(run->second, judgements, options.level);
      auto& row = result.topics[topic];
      for (std::size_t i = 0; i < found.size(); ++i) sums[i] += row[measures[i]] = found[i](judged);
    } catch (const Error& error) {
      throw Error(error.code(), std::format("topic `{}`: {}", topic, error.what()));
    }
  }
  for (std::size_t i = 0; i < sums.size(); ++i)
    result.means[measures[i]] = topics == 0 ? 0 : sums[i] / static_cast<double>(topics);
  return result;
}

Qrels parse_qrels(std::string_view text) {
  Qrels out;
  each_line(text, 4, [&](const std::vector<std::string_view>& row, std::size_t line) {
    const auto relevance = number<int>(row[3]);
    if (!relevance) no_number(line, row[3]);
    if (!out[std::string(row[0])].emplace(row[2], *relevance).second)
      throw Error(Errc::bad_input,
                  std::format("line {}: document `{}` is judged twice for topic `{}`", line, row[2], row[0]));
  });
  return out;
}

Runs parse_run(std::string_view text) {
  Runs out;
  each_line(text, 6, [&](const std::vector<std::string_view>& row, std::size_t line) {
    const auto score = number<double>(row[4]);
    if (!score) no_number(line, row[4]);
    out[std::string(row[0])].push_back({.id = std::string(row[2]), .score = *score});
  });
  return out;
}

Qrels read_qrels(const std::filesystem::path& path) {
  return parse_qrels(read_text(path, most_bytes));
}

Runs read_run(const std::filesystem::path& path) {
  return parse_run(read_text(path, most_bytes));
}

std::string qrels_text(const Qrels& qrels) {
  std::string out;
  for (const auto& [topic, judgements] : qrels) {
    std::vector<std::pair<std::string, int>> rows(judgements.begin(), judgements.end());
    std::ranges::sort(rows);
    for (const auto& [id, relevance] : rows)
      std::format_to(std::back_inserter(out), "{} 0 {} {}\n", topic, id, relevance);
  }
  return out;
}

std::string run_text(const Runs& runs, std::string_view tag) {
  std::string out;
  for (const auto& [topic, found] : runs) {
    auto order = found;
    std::ranges::sort(order, [](const Retrieved& a, const Retrieved& b) {
      return a.score != b.score ? a.score > b.score : a.id > b.id;
    });
    for (std::size_t i = 0; i < order.size(); ++i)
      std::format_to(std::back_inserter(out), "{} Q0 {} {} {} {}\n", topic, order[i].id, i + 1, order[i].score, tag);
  }
  return out;
}

}  // namespace dspy::ranking
