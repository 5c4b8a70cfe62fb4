#pragma once

#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/store.hpp"

#include <cstddef>
#include <string>
#include <string_view>

// What goes to Milvus and comes back, without I/O.

namespace dspy::remote {

struct MilvusCollection {
  std::size_t dimensions = 0;
  Similarity similarity = Similarity::cosine;
};

/// The schema and the index of a collection.
JsonObject milvus_creation(std::size_t dimensions, Similarity similarity, bool is_approximate);
/// What the server says of a collection.  Throws `Error` (`config_error`) for one that this library did not make, or
/// that compares otherwise than the options want.
MilvusCollection milvus_collection(std::string_view name, const StoreOptions& options, const Json& data);

/// A filter as an expression.  Throws `Error` (`unsupported`).
std::string milvus_filter(const Filter& filter);
/// Throws `Error` (`invalid_parameter`) for what is longer than Milvus takes.
JsonObject milvus_row(const Passage& passage);
Passage passage_of_milvus_row(const Json& row, bool with_vector);

}  // namespace dspy::remote
