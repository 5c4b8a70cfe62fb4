#include "dspy/lm/embedder.hpp"

#include "dspy/base/wait.hpp"
#include "lm/schemes.hpp"

namespace dspy {
namespace {

// Inside functions, since initialisers of other files use them before `main`.
Schemes<Embedder>& embedders() {
  static Schemes<Embedder> schemes("embedders");
  return schemes;
}

Schemes<Reranker>& rerankers() {
  static Schemes<Reranker> schemes("rerankers");
  return schemes;
}

}  // namespace

std::vector<std::vector<float>> Embedder::operator()(std::vector<std::string> texts) {
  return wait(embed({.texts = std::move(texts)})).vectors;
}

std::vector<Ranked> Reranker::operator()(std::string query, std::vector<std::string> documents, std::size_t top) {
  return wait(rank({.query = std::move(query), .documents = std::move(documents), .top = top})).documents;
}

std::shared_ptr<Embedder> embedder(std::string_view uri) {
  return embedders().make(uri);
}

std::shared_ptr<Reranker> reranker(std::string_view uri) {
  return rerankers().make(uri);
}

bool register_embedder_scheme(std::string_view scheme, std::shared_ptr<Embedder> (*factory)(const LMUri& uri)) {
  embedders().add(scheme, factory);
  return true;
}

bool register_reranker_scheme(std::string_view scheme, std::shared_ptr<Reranker> (*factory)(const LMUri& uri)) {
  rerankers().add(scheme, factory);
  return true;
}

}  // namespace dspy
