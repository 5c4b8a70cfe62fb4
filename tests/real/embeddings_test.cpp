// A real embedding model, all-MiniLM-L6-v2: our engine's vectors beside those of the same weights in NumPy, and a
// search over this repository's documents with it.  `tools/embedding_model.py` installs the model; DSPY_REAL_MODELS
// says where.

#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/llama/llama_embedder.hpp"
#include "dspy/optimize/tuning/rag_tuning.hpp"
#include "dspy/retrieve/ingest/ingest.hpp"
#include "dspy/retrieve/memory_store.hpp"
#include "dspy/retrieve/retriever.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <vector>

namespace dspy {
namespace {

std::filesystem::path installed(const char* name) {
  const char* const folder = std::getenv("DSPY_REAL_MODELS");
  REQUIRE(folder != nullptr);
  return std::filesystem::path(folder) / name;
}

std::shared_ptr<Embedder> minilm() {
  return std::make_shared<LlamaEmbedder>(installed("all-MiniLM-L6-v2.gguf").string());
}

double cosine(const std::vector<float>& a, const JsonArray& b) {
  REQUIRE(a.size() == b.size());
  double product = 0, of_a = 0, of_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<double>(a[i]), y = b[i].to_number<double>();
    product += x * y;
    of_a += x * x;
    of_b += y * y;
  }
  return product / std::sqrt(of_a * of_b);
}

TEST_CASE("vectors of a real model are those of its weights") {
  const auto expected = parse_json(read_text(installed("all-MiniLM-L6-v2.json"), 1 << 24)).value();
  std::vector<std::string> texts;
  for (const auto& text : expected.at("texts").as_array()) texts.emplace_back(view(text.as_string()));
  const auto vectors = (*minilm())(texts);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    CAPTURE(texts[i]);
    CHECK(cosine(vectors[i], expected.at("vectors").at(i).as_array()) >= 0.999);
  }
}

TEST_CASE("questions about the guide find their answers, by words, by vectors and by both") {
  const auto questions = read_rag_questions("tests/real/guide_questions.jsonl");
  const auto model = minilm();
  const auto store = std::make_shared<MemoryStore>();
  const auto report = ingest(store, "docs/guide", {.chunk = {.tokens = 120}, .embedder = model});
  CHECK(report.failures.empty());
  struct Way {
    std::string name;
    RetrieverOptions options;
  };
  std::string table =
      std::format("\n{} files, {} passages, {:.1f} s\n", report.files, report.passages_written, report.seconds);
  double best = 0;
  for (const auto& [name, options] : {Way{"words", {.k = 5}}, Way{"vectors", {.k = 5, .embedder = model}},
                                      Way{"both", {.k = 5, .embedder = model, .hybrid = true}}}) {
    double recall = 0, rank = 0;
    for (const auto& score : score_search(Retriever(store, options), questions)) {
      recall += score.recall;
      rank += score.reciprocal_rank;
    }
    const auto n = static_cast<double>(questions.size());
    table += std::format("| {:<8}| recall@5 {:.2f} | MRR {:.2f} |\n", name, recall / n, rank / n);
    best = std::max(best, recall / n);
  }
  MESSAGE(table);
  CHECK(best >= 0.7);
}

}  // namespace
}  // namespace dspy
