#pragma once

#include "dspy/llama/llama_embedder.hpp"
#include "dspy/llama/model.hpp"
#include "llama/text_reader.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What embedders and rerankers share: a model that reads texts, and the checks of those texts.

namespace dspy::llama {

/// A model that reads texts, with what calls of it need.
struct TextModel {
  TextModel(std::shared_ptr<const Model> shared, LlamaReadOptions wanted)
      : model(std::move(shared)), options(in_force(std::move(wanted), *model)) {}

  /// The options that are left open, decided for a model.  Throws `Error` (`invalid_parameter`).
  static LlamaReadOptions in_force(LlamaReadOptions options, const Model& model);

  const std::shared_ptr<const Model> model;
  const LlamaReadOptions options;
  const std::shared_ptr<TextReader> reader =
      std::make_shared<TextReader>(model, TextReaderOptions{.pooling = options.pooling,
                                                            .context_length = options.context_length,
                                                            .batch = options.batch,
                                                            .sequences = options.sequences,
                                                            .queue_limit = options.queue_limit,
                                                            .threads = options.threads});
};

/// Checks the options and loads the model with them, from the process's own pool unless they name one.
std::shared_ptr<const Model> load_for_texts(std::string_view name_or_path, LlamaReadOptions& options);

/// Whether a text holds nothing but what Unicode calls white space.
bool is_blank(std::string_view text);

/// Throws `Error` (`invalid_parameter`) for text that is not UTF-8; `what` names it.
void require_text(std::string_view text, const std::string& what);

/// Cuts `tokens` to `most`, or refuses them.  The last token stays if it is one that ends every text.
void fit_text(std::vector<Token>& tokens, std::size_t most, const LlamaReadOptions& options, const Model& model,
              const std::string& what);

}  // namespace dspy::llama
