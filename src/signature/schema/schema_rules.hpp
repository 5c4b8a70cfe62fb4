#pragma once

#include "dspy/signature/json_schema.hpp"

#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

// What each dialect supports, as data.

namespace dspy::json_schema {

enum class Recursion {
  anywhere,
  in_optional,  ///< Only within members that may be absent.
  none,
};

inline constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

inline constexpr std::string_view provider_formats[] = {"date-time", "time", "date", "duration"};

/// Defaults are what most dialects share.
struct Rules {
  std::string_view name = {};  ///< In sentences.
  std::span<const std::string_view> keywords = {};
  std::span<const std::string_view> formats = provider_formats;
  Recursion recursion = Recursion::anywhere;
  bool root_is_object = false;
  bool requires_all = false;       ///< Every member is listed under `required`.
  bool closes_objects = false;     ///< `additionalProperties` is false everywhere.
  bool closed_by_default = false;  ///< Objects without `additionalProperties` are closed.
  bool wants_types = false;        ///< The schema `{}` (any value) is not supported.
  bool orders_properties = false;  ///< The order of members is kept only where `propertyOrdering` gives it.
  bool integer_ranges_only = false;
  bool enumerates_booleans = true;
  bool names_limit_other_members =
      false;  ///< Other members' names are recognized where declared names are ASCII letters, digits and `_` only.
  bool pattern_replaces_lengths = false;  ///< Lengths are ignored where there is a pattern.
  std::size_t most_min_items = no_limit;
  std::size_t most_repetitions = no_limit;  ///< For lengths of texts and lists.
  /// Why a regular expression cannot be sent; null if all can.
  std::optional<std::string> (*pattern_problem)(std::string_view pattern) = nullptr;
  // The most that a schema may hold.
  std::size_t most_properties = no_limit;
  std::size_t most_levels = no_limit;
  std::size_t most_choices = no_limit;
  std::size_t most_characters = no_limit;  ///< In names and choices together.
  std::size_t most_optional = no_limit;
  std::size_t most_unions = no_limit;
};

/// Why llama.cpp would refuse a pattern or read another one.
std::optional<std::string> llama_pattern_problem(std::string_view pattern);

/// For any dialect but `json_schema`, which says everything.
const Rules& rules_for(SchemaDialect dialect);

}  // namespace dspy::json_schema
