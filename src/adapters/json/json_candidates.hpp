#pragma once

#include "adapters/sections/labels.hpp"
#include "dspy/base/json.hpp"

#include <cstddef>

namespace dspy {

/// Finds the objects inside a value whose keys name outputs.
class Candidates {
 public:
  explicit Candidates(const Labels& labels) : labels_(labels) {}

  /// Looks into the value, and into what is within it; `alone` if there is nothing else.
  void look_into(Json& value, bool alone);

  /// The only such object, if there is nothing else; otherwise null.
  JsonObject* only() const noexcept { return count_ == 1 && is_alone_ ? found_ : nullptr; }
  bool any() const noexcept { return count_ != 0; }
  bool is_schema() const noexcept { return is_schema_; }

 private:
  bool names_output(const JsonObject& members) const;

  const Labels& labels_;
  JsonObject* found_ = nullptr;
  std::size_t count_ = 0;
  bool is_alone_ = false;
  bool is_schema_ = false;
};

/// True if the outputs that the object names are described by JSON Schemas instead of given values.
bool echoes_schema(const JsonObject& members, const Labels& labels);

}  // namespace dspy
