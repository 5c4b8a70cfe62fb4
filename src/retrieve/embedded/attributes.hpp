#pragma once

#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"
#include "retrieve/embedded/bitmap.hpp"
#include "retrieve/embedded/catalog.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

// What filters ask for, in an index of values: a filter becomes the set of the rows that meet it, before anything is
// searched.

namespace dspy::embedded {

using Fields = std::map<std::string, std::int64_t>;

/// Adds a passage's fields.  `fields` grows with new names.
void add_attributes(Catalog& catalog, Fields& fields, std::int64_t row, const Passage& passage);
void remove_attributes(Catalog& catalog, const Fields& fields, std::int64_t row, const Passage& passage);
/// Every value that a passage has in the index, as (name, part, value): part 0 is the field's value, 1 an element of a
/// list.
void each_attribute(const Passage& passage,
                    const std::function<void(std::string_view name, int part, const std::string& value)>& visit);

/// The rows that meet the filter, among `live()`, which is asked for where it is needed.
Bitmap rows_that_meet(const Filter& filter, Catalog& catalog, const Fields& fields,
                      const std::function<const Bitmap&()>& live);

}  // namespace dspy::embedded
