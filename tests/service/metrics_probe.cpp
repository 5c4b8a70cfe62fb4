// Measures what metrics_test.py hands over, so that it can compare with the reference packages:
//     metrics_probe rank QRELS RUN MEASURE...       metrics_probe text FILE      (JSON on standard output)

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/evaluate/overlap/overlap.hpp"
#include "dspy/evaluate/ranking/ranking.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace dspy;

constexpr std::uintmax_t most_bytes = std::uintmax_t{1} << 30U;

/// Runs `work` and adds the seconds it took.
template <class F>
auto timed(JsonObject& seconds, std::string_view name, F work) {
  const auto start = std::chrono::steady_clock::now();
  auto result = work();
  seconds[name] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

JsonObject rank(std::span<char*> arguments) {
  const auto qrels = ranking::read_qrels(arguments[0]);
  const auto runs = ranking::read_run(arguments[1]);
  const std::vector<std::string> measures(arguments.begin() + 2, arguments.end());
  JsonObject seconds, topics;
  const auto found = timed(seconds, "rank", [&] { return ranking::evaluate_ranking(qrels, runs, measures); });
  for (const auto& [topic, row] : found.topics) {
    JsonObject values;
    for (const auto& [name, value] : row) values[name] = value;
    topics[topic] = std::move(values);
  }
  return {{"topics", std::move(topics)}, {"seconds", std::move(seconds)}};
}

JsonArray rouge_row(const overlap::Rouge& score) {
  return {score.precision, score.recall, score.f1};
}

/// `{"hypotheses": [...], "references": [[...], ...]}`.
JsonObject text(const char* path) {
  const auto json = parse_json(read_text(path, most_bytes)).value();
  std::vector<std::string> hypotheses;
  std::vector<overlap::References> references;
  for (const auto& each : json.at("hypotheses").as_array()) hypotheses.emplace_back(view(each.as_string()));
  for (const auto& row : json.at("references").as_array()) {
    auto& list = references.emplace_back();
    for (const auto& each : row.as_array()) list.emplace_back(view(each.as_string()));
  }
  JsonObject seconds;
  JsonObject out{{"bleu", timed(seconds, "bleu", [&] { return overlap::bleu(hypotheses, references); }).score},
                 {"chrf", timed(seconds, "chrf", [&] { return overlap::chrf(hypotheses, references); })},
                 {"chrfpp", overlap::chrf(hypotheses, references, {.word_order = 2})},
                 {"ter", timed(seconds, "ter", [&] { return overlap::ter(hypotheses, references); })}};
  JsonArray sentences, rouge;
  for (std::size_t i = 0; i < hypotheses.size(); ++i)
    sentences.emplace_back(overlap::bleu(std::span(hypotheses).subspan(i, 1), std::span(references).subspan(i, 1),
                                         {.effective_order = true})
                               .score);
  rouge = timed(seconds, "rouge", [&] {
    JsonArray rows;
    for (std::size_t i = 0; i < hypotheses.size(); ++i) {
      const auto& gold = references[i].front();
      rows.push_back(JsonArray{rouge_row(overlap::rouge_n(gold, hypotheses[i], 1, true)),
                               rouge_row(overlap::rouge_n(gold, hypotheses[i], 2, true)),
                               rouge_row(overlap::rouge_l(gold, hypotheses[i], true)),
                               rouge_row(overlap::rouge_lsum(gold, hypotheses[i], true))});
    }
    return rows;
  });
  out["sentences"] = std::move(sentences);
  out["rouge"] = std::move(rouge);
  out["seconds"] = std::move(seconds);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::span arguments(argv, static_cast<std::size_t>(argc));
    const std::string_view verb = argc > 1 ? argv[1] : "";
    if (verb == "rank" && argc > 4) {
      std::cout << dspy::to_text(rank(arguments.subspan(2))) << '\n';
    } else if (verb == "text" && argc == 3) {
      std::cout << dspy::to_text(text(argv[2])) << '\n';
    } else {
      std::cerr << "metrics_probe rank QRELS RUN MEASURE... | metrics_probe text FILE\n";
      return 2;
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
