#pragma once

#include "dspy/base/async.hpp"
#include "dspy/server/http.hpp"
#include "server/protocols/gateway.hpp"

#include <memory>

// Texts as vectors, and in order: OpenAI's and Ollama's embeddings, Cohere's and Jina's rerank.

namespace dspy::server {

Async<HttpResponse> embed(std::shared_ptr<const Gateway> gateway, HttpRequest request);
Async<HttpResponse> embed_for_ollama(std::shared_ptr<const Gateway> gateway, HttpRequest request);
Async<HttpResponse> rerank(std::shared_ptr<const Gateway> gateway, HttpRequest request);

}  // namespace dspy::server
