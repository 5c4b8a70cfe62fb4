#include "dspy/llama/llama_embedder.hpp"
#include "llama/uri_options.hpp"

#include <functional>
#include <map>

namespace dspy::llama {
namespace {

using Setter = std::function<void(LlamaReadOptions& options, std::string_view name, std::string_view value)>;

template <class T>
Setter member(T LlamaReadOptions::* place) {
  return [place](LlamaReadOptions& options, std::string_view name, std::string_view value) {
    options.*place = read<T>(name, value);
  };
}

void set_pooling(LlamaReadOptions& options, std::string_view name, std::string_view value) {
  static const std::map<std::string_view, Pooling> poolings = {
      {"model", Pooling::model}, {"mean", Pooling::mean}, {"cls", Pooling::cls}, {"last", Pooling::last}};
  const auto found = poolings.find(value);
  if (found == poolings.end()) unreadable(name, value, "`model`, `mean`, `cls` or `last`");
  options.pooling = found->second;
}

const std::map<std::string, Setter, std::less<>>& setters() {
  static const std::map<std::string, Setter, std::less<>> table = {
      {"pooling", set_pooling},
      {"normalize", member(&LlamaReadOptions::normalize)},
      {"truncate", member(&LlamaReadOptions::truncate)},
      {"context_length", member(&LlamaReadOptions::context_length)},
      {"batch", member(&LlamaReadOptions::batch)},
      {"sequences", member(&LlamaReadOptions::sequences)},
      {"queue_limit", member(&LlamaReadOptions::queue_limit)},
      {"threads", member(&LlamaReadOptions::threads)},
      {"kernels", [](auto& options, auto name, auto value) { options.model.kernels = kernels_of(name, value); }},
      {"gpu_layers", [](auto& options, auto name, auto value) { options.model.gpu_layers = read<int>(name, value); }},
  };
  return table;
}

LlamaReadOptions options_of(const LMUri& uri) {
  LlamaReadOptions options;
  for (const auto& [name, value] : uri.options) {
    const auto setter = setters().find(name);
    if (setter == setters().end()) unknown_option(name, setters());
    setter->second(options, name, value);
  }
  return options;
}

}  // namespace

std::shared_ptr<Embedder> embedder_from_uri(const LMUri& uri) {
  return std::make_shared<LlamaEmbedder>(uri.path, options_of(uri));
}

std::shared_ptr<Reranker> reranker_from_uri(const LMUri& uri) {
  return std::make_shared<LlamaReranker>(uri.path, options_of(uri));
}

}  // namespace dspy::llama
