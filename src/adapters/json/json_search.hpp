#pragma once

#include "adapters/json/lenient_json.hpp"
#include "adapters/sections/labels.hpp"

#include <cstddef>
#include <expected>
#include <optional>
#include <string_view>

namespace dspy {

/// A JSON object that names outputs, found in a reply.
struct FoundObject {
  JsonObject members = {};
  std::size_t begin = 0;  ///< Where in the text the outermost value begins and ends.
  std::size_t end = 0;
  JsonRepairs repairs = {};
  bool nested = false;  ///< It is inside another value.
};

/// The one object in `text` with a key that names an output, among the JSON values that begin from `from` to `until`:
/// a value itself, or the only thing in another one.  Nothing if there is none.
///
/// A problem where it would be a guess: something that begins like an object cannot be read (what stands inside it is
/// no candidate then, unless `repair_object` can), members stand around the object, several objects differ, or it is a
/// JSON Schema.  Linear in the text, however many brackets it holds.
std::expected<std::optional<FoundObject>, JsonProblem> find_object(const Labels& labels, std::string_view text,
                                                                   std::size_t from, std::size_t until);

/// The same in the whole of a text that begins with `{`, without the repair of an object with one character wrong.
std::expected<std::optional<FoundObject>, JsonProblem> find_object_as_it_is(const Labels& labels,
                                                                            std::string_view text);

}  // namespace dspy
