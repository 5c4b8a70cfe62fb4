#pragma once

#include "adapters/json/json_search.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

namespace dspy {

/// The object that begins at `begin` of the text and cannot be read at `problem`, if it has one character wrong and
/// only one reading: each way to put it right (to take out, put in, replace or swap a character) that gives an object
/// with all required outputs gives the same object, and one of them takes nothing of a value away.  Of `1,5`, `1 5` and
/// `"a"b"` there are several readings, since another digit or letter may have stood there.
///
/// Takes a bounded time: a long object with many brackets and quotes before the problem is left alone.
std::optional<FoundObject> repair_object(const Labels& labels, std::string_view text, std::size_t begin,
                                         std::size_t problem);

}  // namespace dspy
