#pragma once

#include "dspy/base/async.hpp"
#include "dspy/llama/model.hpp"
#include "llama/model/runtime.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

namespace dspy::llama {

struct TextReaderOptions {
  Pooling pooling = Pooling::mean;
  int context_length = 512;  ///< Tokens of one text.
  int batch = 512;           ///< Tokens in a step; at least `context_length`.
  int sequences = 32;        ///< Texts in a step.
  int queue_limit = 256;     ///< Calls that may wait.
  int threads = 1;
};

/// Texts to be read, each to one vector.
struct Reading {
  std::vector<std::vector<Token>> texts{};
  std::optional<std::chrono::steady_clock::time_point> deadline{};
  std::stop_token stop{};
};

/// Runs one model on one thread of its own and pools what it makes of texts.  The texts of all calls share steps.
/// Thread-safe.  Destroying it ends what waits with `model_not_loaded`.
class TextReader {
 public:
  TextReader(std::shared_ptr<const Model> model, TextReaderOptions options);
  ~TextReader();
  TextReader(const TextReader&) = delete;
  TextReader& operator=(const TextReader&) = delete;

  /// Keeps the reader while it runs.  Calls take turns, text by text, so that a short one need not wait for a long one.
  /// No text may be empty or longer than `context_length`.  Throws `Error`: `rate_limit_exceeded`, `cancelled`,
  /// `deadline_exceeded`, `inference_failed`, `backend_error`.
  static Async<std::vector<std::vector<float>>> read(std::shared_ptr<TextReader> reader, Reading work);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dspy::llama
