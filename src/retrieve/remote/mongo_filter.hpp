#pragma once

#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace dspy::remote {

/// What a server's filters in Mongo's form can say.
struct MongoAbilities {
  std::string_view kind = {};
  bool exists = false;
  /// `$ne` and `$nin` are met where the field is missing.
  bool ne_meets_missing = true;
};

/// A filter as `{"$and": [...]}` and `{"field": {"$op": value}}`, one key an object; nothing for a filter that
/// everything meets.  `source` becomes `dspy_source`.  Throws `Error` (`unsupported`) for what cannot be said exactly.
std::optional<JsonObject> mongo_filter(const Filter& filter, const MongoAbilities& abilities);

/// A passage's metadata as such servers keep it: scalars under their names, numbers as floats, and the whole as one
/// text that `passage_of_flat` reads.  The passage's text is not a part of it.
JsonObject flat_metadata(const Passage& passage, std::string_view kind);
Passage passage_of_flat(std::string id, std::string text, const Json& metadata, std::string_view kind);

}  // namespace dspy::remote
