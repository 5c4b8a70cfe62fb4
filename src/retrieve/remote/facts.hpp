#pragma once

#include "dspy/base/json.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/passage.hpp"

#include <string>
#include <string_view>
#include <vector>

// Filters for servers whose own conditions differ from `Filter` in details: what a field that is missing, a list or a
// value of another kind meets.  Each passage is kept with a list of facts, such as "the field `lang` is the text `en`",
// each as one word that is hashed from it, and a filter asks which facts are in the list.  No name or value of a user
// gets into a server's language.  Order is asked of numbers that are kept beside.

namespace dspy::remote {

/// Each passage has the first, none has the second.
inline constexpr std::string_view fact_of_all = "all", fact_of_none = "none";
/// The field is a number.
std::string number_fact(std::string_view field);
/// `id` is this.
std::string id_fact(std::string_view id);

/// All that filters may ask for.  Throws `Error` (`unsupported`) for an integer that a float rounds.
std::vector<std::string> facts_of(const Passage& passage, std::string_view kind);

/// How a server writes conditions on lists of facts.
class FactLanguage {
 public:
  virtual ~FactLanguage() = default;

  virtual std::string has(std::string_view fact) const = 0;
  virtual std::string all(const std::vector<std::string>& conditions) const = 0;  ///< Of two or more.
  virtual std::string any(const std::vector<std::string>& conditions) const = 0;  ///< Of two or more.
  virtual std::string negated(const std::string& condition) const = 0;
  /// `gt`, `gte`, `lt` or `lte` of a number; asked beside `number_fact` of the field.
  virtual std::string ordered(const Filter& filter) const = 0;
};

/// The filter as the server writes it.  Throws `Error` (`unsupported`) for what cannot be said exactly.
std::string fact_filter(const Filter& filter, std::string_view kind, const FactLanguage& language);

/// The names in `year,rating` of a URI's `?numbers=…`.
std::vector<std::string> field_names(std::string_view list);
/// The place of `field` among the numbers that a store was made with; throws `Error` (`unsupported`) where it has none.
std::size_t place_of_number(const std::vector<std::string>& numbers, std::string_view field, std::string_view kind);
/// Throws `Error` (`config_error`) unless the store was made with all that are wanted.
void require_numbers(const std::vector<std::string>& made, const std::vector<std::string>& wanted,
                     std::string_view kind);

/// The number under `field`, if it is one.
const Json* number_in(const Passage& passage, std::string_view field);

}  // namespace dspy::remote
