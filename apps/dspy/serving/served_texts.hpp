#pragma once

#include "dspy/server/catalog.hpp"

#include <string>
#include <vector>

namespace dspy::app {

/// Puts `--embedder` and `--reranker` values into a catalog: `NAME=URI`, or a URI alone, which is then its name.  A
/// model of the same name is one with more abilities.
void serve_texts(const std::vector<std::string>& embedders, const std::vector<std::string>& rerankers,
                 server::Catalog& catalog);

}  // namespace dspy::app
