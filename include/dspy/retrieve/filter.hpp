#pragma once

#include "dspy/base/json.hpp"
#include "dspy/retrieve/passage.hpp"

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Selects passages: a condition on their metadata, and on `id`, `text` and `source` of the passage itself.  A value;
/// copies share what they hold.
///
///     auto recent = Filter::eq("lang", "en") && Filter::gte("year", 2020) && !Filter::in("state", {"draft", "old"});
///
/// Numbers compare as numbers (2 equals 2.0), texts byte by byte; values of different kinds are never equal and have no
/// order.  A passage without the field matches `ne`, `nin` and a negated condition, and nothing else.
class Filter {
 public:
  enum class Op { everything, all, any, negation, eq, ne, gt, gte, lt, lte, in, nin, exists, contains };

  /// Everything.
  Filter() = default;

  // Values are texts, numbers, booleans or null; others, and names that begin with `$`, throw `Error`
  // (`invalid_parameter`).  Order is defined for texts and numbers only.
  static Filter eq(std::string_view field, const Json& value);
  static Filter ne(std::string_view field, const Json& value);
  static Filter gt(std::string_view field, const Json& value);
  static Filter gte(std::string_view field, const Json& value);
  static Filter lt(std::string_view field, const Json& value);
  static Filter lte(std::string_view field, const Json& value);
  static Filter in(std::string_view field, const JsonArray& values);
  static Filter nin(std::string_view field, const JsonArray& values);
  /// The field is there, be it null.
  static Filter exists(std::string_view field, bool is_there = true);
  /// A list has the value as an element, or a text has it as a part.
  static Filter contains(std::string_view field, const Json& value);
  /// All of them are met; everything meets no filters.
  static Filter all(std::vector<Filter> filters);
  /// One of them is met; nothing meets no filters.
  static Filter any(std::vector<Filter> filters);

  friend Filter operator&&(const Filter& a, const Filter& b) { return all({a, b}); }
  friend Filter operator||(const Filter& a, const Filter& b) { return any({a, b}); }
  Filter operator!() const;

  bool is_everything() const noexcept { return !node_; }
  bool matches(const Passage& passage) const;
  /// The same of metadata alone.
  bool matches(const JsonObject& fields) const;

  // For stores, which write it in their own language.
  Op op() const noexcept;
  const std::string& field() const noexcept;
  /// What is compared with: a list of `in` and `nin`, a boolean of `exists`.
  const Json& value() const noexcept;
  /// Of `all`, `any` and `negation` (one).
  const std::vector<Filter>& parts() const noexcept;
  /// The names of all fields.
  std::set<std::string> fields() const;

  bool operator==(const Filter& other) const;

 private:
  struct Node;

  static Filter make(Op op, std::string_view field, Json value);

  std::shared_ptr<const Node> node_;
};

/// The operator as JSON has it: `$and`, `$or`, `$not`, `$eq`, …
std::string_view to_string(Filter::Op op) noexcept;

/// `{"$and": [{"lang": {"$eq": "en"}}, {"$not": {"year": {"$lt": 2020}}}]}`; `{}` is everything.
JsonObject to_json(const Filter& filter);
/// Reads what `to_json` writes, and the short forms `{"lang": "en"}` and several members at once, which must all be
/// met.  Throws `Error` (`invalid_parameter`) that names the place, for an unknown operator too.
Filter filter_from_json(const Json& json);

}  // namespace dspy
