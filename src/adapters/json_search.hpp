#pragma once

#include "adapters/labels.hpp"
#include "adapters/lenient_json.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace dspy {

/// A JSON object that names outputs, found in a reply.
struct FoundObject {
  JsonObject members = {};
  std::size_t begin = 0;  ///< Where in the text the outermost value begins and ends.
  std::size_t end = 0;
  JsonLiberties liberties = {};
  bool nested = false;  ///< It stands inside another value.
};

/// The first object in `text` with a key that names an output, at any depth of the JSON values
/// that begin from `from` to `until`.  Linear in the text, however many brackets it holds.
std::optional<FoundObject> find_object(const Labels& labels, std::string_view text, std::size_t from,
                                       std::size_t until);

/// What is wrong with the first thing in `text`, from `from` on, that begins like an object whose first key names an
/// output; nothing if there is none.  Where no object was found, what the model meant was that one.
std::optional<JsonProblem> problem_of_object(const Labels& labels, std::string_view text, std::size_t from);

}  // namespace dspy
