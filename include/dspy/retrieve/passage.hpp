#pragma once

#include "dspy/base/json.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace dspy {

/// A piece of text that can be found: what a store keeps under one id.
struct Passage {
  std::string id = {};
  std::string text = {};
  /// May be empty: such a passage is found only by its words.
  std::vector<float> vector = {};
  /// What filters ask for.  The names `id`, `text`, `vector`, `source`, `begin` and `end` are taken.
  JsonObject metadata = {};
  /// The source of the text, such as a path or a URL; empty if unknown.
  std::string source = {};
  /// The text's bytes in its source, `[begin, end)`; both 0 if unknown.
  std::size_t begin = 0;
  std::size_t end = 0;

  bool operator==(const Passage&) const = default;
};

/// One of the numbers that a score was made of.
struct ScorePart {
  std::string by = {};   ///< `vector`, `text`, `rerank`, …
  double value = 0;      ///< As the store or the model gave it: a distance stays a distance.
  std::size_t rank = 0;  ///< Its place among those found by the same means, from 1.

  bool operator==(const ScorePart&) const = default;
};

/// A passage that was found.
struct Hit {
  Passage passage = {};
  /// Larger is better, whatever the store's own number means.
  double score = 0;
  std::vector<ScorePart> parts = {};
};

/// `{"id", "text", "score", "source", "begin", "end", "metadata", "parts"}`; members without a value are left out.
JsonObject to_json(const Hit& hit);

}  // namespace dspy
