#include "dspy/retrieve/passage.hpp"

#include "dspy/base/json.hpp"

#include <utility>

namespace dspy {

JsonObject to_json(const Hit& hit) {
  const auto& passage = hit.passage;
  JsonObject out = {{"id", passage.id}, {"text", passage.text}, {"score", hit.score}};
  if (!passage.source.empty()) out["source"] = passage.source;
  if (passage.begin != passage.end) {
    out["begin"] = passage.begin;
    out["end"] = passage.end;
  }
  if (!passage.metadata.empty()) out["metadata"] = passage.metadata;
  JsonArray parts;
  for (const auto& part : hit.parts)
    parts.push_back(JsonObject{{"by", part.by}, {"value", part.value}, {"rank", part.rank}});
  if (!parts.empty()) out["parts"] = std::move(parts);
  return out;
}

}  // namespace dspy
