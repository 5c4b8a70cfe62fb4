#include "dspy/lm/embedder.hpp"
#include "dspy/providers/remote_embedder.hpp"
#include "dspy/providers/schemes.hpp"
#include "providers/embedding/embedding.hpp"
#include "providers/uri_options.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace dspy {
namespace {

using Options = RemoteEmbedderOptions;
using Setter = std::function<void(Options& options, std::string_view name, std::string_view value)>;

template <class T>
Setter number(T Options::* member) {
  return [member](Options& options, std::string_view name, std::string_view value) {
    options.*member = providers::read_option<T>(name, value);
  };
}

Setter text_of(std::string Options::* member) {
  return [member](Options& options, std::string_view, std::string_view value) { options.*member = value; };
}

void set_role(Options& options, std::string_view name, std::string_view value) {
  if (value != "query" && value != "document") providers::unreadable_option(name, value, "`query` or `document`");
  options.role = value == "query" ? EmbedRole::query : EmbedRole::document;
}

const std::map<std::string, Setter, std::less<>>& setters() {
  static const std::map<std::string, Setter, std::less<>> table = {
      {"dimensions",
       [](auto& options, auto name, auto value) { options.dimensions = providers::read_option<int>(name, value); }},
      {"role", set_role},
      {"base_url", text_of(&Options::base_url)},
      {"api_base", text_of(&Options::base_url)},
      {"api_key_env", text_of(&Options::api_key_env)},
      {"api_key", [](auto&, auto name, auto) { providers::refuse_key(name); }},
      {"allow_plain_http", number(&Options::allow_plain_http)},
      {"batch_texts", number(&Options::batch_texts)},
      {"batch_tokens", number(&Options::batch_tokens)},
      {"concurrency", number(&Options::concurrency)},
      {"timeout",
       [](auto& options, auto name, auto value) { options.timeouts.total = providers::read_seconds(name, value); }},
  };
  return table;
}

Options options_of(const LMUri& uri) {
  Options options{.model = uri.path};
  for (const auto& [name, value] : uri.options) {
    const auto setter = setters().find(name);
    if (setter == setters().end()) providers::unknown_option(name, setters());
    setter->second(options, name, value);
  }
  return options;
}

std::shared_ptr<Embedder> make_embedder(const LMUri& uri) {
  return std::make_shared<RemoteEmbedder>(uri.scheme, options_of(uri));
}

std::shared_ptr<Reranker> make_reranker(const LMUri& uri) {
  return std::make_shared<RemoteReranker>(uri.scheme, options_of(uri));
}

}  // namespace

bool register_remote_embedders() {
  bool all = true;
  for (const auto& word : providers::embedding::embedding_words())
    all = register_embedder_scheme(word, &make_embedder) && all;
  for (const auto& word : providers::embedding::ranking_words())
    all = register_reranker_scheme(word, &make_reranker) && all;
  return all;
}

}  // namespace dspy
