#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"
#include "dspy/lm/embedder.hpp"
#include "dspy/retrieve/documents/chunk.hpp"
#include "retrieve/documents/cutter.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <format>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dspy {
namespace {

using documents::Span;

double cosine_distance(std::span<const float> a, std::span<const float> b) {
  double product = 0, of_a = 0, of_b = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    product += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    of_a += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    of_b += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return of_a > 0 && of_b > 0 ? 1 - product / std::sqrt(of_a * of_b) : 1;
}

/// With linear interpolation between the two nearest, as numpy has it.
double percentile(std::vector<double> values, double percent) {
  std::ranges::sort(values);
  const double place = percent / 100 * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(place));
  const auto high = std::min(low + 1, values.size() - 1);
  return values[low] + (place - std::floor(place)) * (values[high] - values[low]);
}

/// Each sentence with those around it.
std::vector<std::string> windows_of(const std::string& text, const std::vector<Span>& pieces, std::size_t window) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto first = i - std::min(i, window);
    const auto last = std::min(i + window, pieces.size() - 1);
    out.push_back(text.substr(pieces[first].begin, pieces[last].end - pieces[first].begin));
  }
  return out;
}

std::vector<Span> sentences_with_text(const std::string& text) {
  std::vector<Span> out;
  for (const auto& span : documents::sentences_of(text, {0, text.size()}))
    if (const auto words = documents::trimmed(text, span); words.begin < words.end) out.push_back(words);
  return out;
}

}  // namespace

Async<std::vector<Chunk>> semantic_chunks(std::string text, std::shared_ptr<Embedder> embedder,
                                          SemanticChunkOptions options) {
  if (!embedder) throw Error(Errc::config_error, "semantic chunks need an embedder; give one");
  if (!(options.percentile >= 0 && options.percentile <= 100))
    throw Error(Errc::invalid_parameter,
                std::format("{} is not a percentile; it is from 0 to 100", options.percentile));
  if (const auto bad = text::invalid_utf8(text))
    throw Error(Errc::bad_input, std::format("byte {} of the text to cut is not UTF-8", *bad), {.position = *bad});
  const documents::Cutter cutter(text, options.limits);
  const auto pieces = sentences_with_text(text);
  std::vector<Span> spans;
  if (pieces.size() <= 2) {
    cutter.pack(pieces, documents::Seam::words, spans);
  } else {
    const auto found =
        co_await embedder->embed({.texts = windows_of(text, pieces, options.window), .role = EmbedRole::document});
    if (found.vectors.size() != pieces.size())
      throw Error(Errc::inference_failed, std::format("{} gave {} vectors for {} texts", embedder->model(),
                                                      found.vectors.size(), pieces.size()));
    std::vector<double> distances;
    for (std::size_t i = 0; i + 1 < pieces.size(); ++i)
      distances.push_back(cosine_distance(found.vectors[i], found.vectors[i + 1]));
    const double threshold = percentile(distances, options.percentile);
    std::vector<Span> group;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      group.push_back(pieces[i]);
      if (i + 1 < pieces.size() && distances[i] <= threshold) continue;
      cutter.pack(group, documents::Seam::words, spans);
      group.clear();
    }
  }
  std::vector<Chunk> out;
  for (const auto& span : spans) out.push_back({.begin = span.begin, .end = span.end});
  co_return out;
}

}  // namespace dspy
