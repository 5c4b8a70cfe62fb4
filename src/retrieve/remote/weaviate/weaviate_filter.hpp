#pragma once

#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace dspy::remote {

/// The property of the `i`th number that is compared by order.
std::string weaviate_number(std::size_t i);
/// A filter as Weaviate's `where`, over the properties `facts` and `number0`, ….  Throws `Error` (`unsupported`).
JsonObject weaviate_filter(const Filter& filter, const std::vector<std::string>& numbers);
/// `where` as GraphQL has it: names and operators without quotes.
std::string graphql(const Json& where);

}  // namespace dspy::remote
