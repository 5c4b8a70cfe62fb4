#pragma once

#include "dspy/lm/trace.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/experiments/exposure.hpp"
#include "dspy/server/programs/programs_api.hpp"
#include "dspy/server/programs/splits.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/spending.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dspy::server {

struct ProtocolOptions {
  std::string scope = "invoke";             ///< That callers need.
  std::shared_ptr<Spending> spending = {};  ///< Null: nobody counts.
  /// Where calls of programs and models are traced.
  std::function<std::shared_ptr<Trace>(const CallOrigin& origin)> trace = {};
  std::shared_ptr<const Splits> splits = {};  ///< Which version of a program answers; null: the one that is served.
  std::function<void(Exposure exposure)> on_exposure = {};  ///< As of `ProgramsOptions`.
};

/// The APIs that other software speaks, over the programs and models of `catalog` (docs/guide/openai_api.md): OpenAI's
/// `/v1/chat/completions`, `/v1/completions`, `/v1/responses`, `/v1/embeddings`, `/v1/models`; `/v1/rerank`;
/// Anthropic's
/// `/v1/messages` and `/v1/messages/count_tokens`; Ollama's `/api/chat`, `/api/generate`, `/api/embed`, `/api/tags`,
/// `/api/show`, `/api/version`; `/v1/systemone`; vLLM's `/tokenize` and `/detokenize`.
///
/// A program goes before a model of the same name.
std::vector<Route> protocol_routes(std::shared_ptr<const Catalog> catalog, ProtocolOptions options = {});

}  // namespace dspy::server
