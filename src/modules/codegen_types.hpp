#pragma once

#include "dspy/signature/field.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

// C++ for single fields and their types.

namespace dspy::codegen {

/// Text as a C++ string literal.  Throws `Error` if it holds a NUL.
std::string literal_of(std::string_view text);

/// `order_id` → `OrderId`.
std::string to_type_name(std::string_view name);

/// Throws `Error` (`config_error`) unless `name` can be an identifier in C++.
void check_identifier(std::string_view name, std::string_view what);

/// A comment in front of a definition, with the indentation; nothing for an empty text.
std::string comment(std::string_view text, std::string_view indent);

/// The members of one struct, and the enumerations that they need.
class Members {
 public:
  /// `owner` is how a pointer to a member names the struct: `Output`.
  explicit Members(std::string owner) : owner_(std::move(owner)) {}

  /// Throws `Error` (`config_error`) where C++ cannot hold the field.
  void add(const Field& field);

  const std::string& enumerations() const noexcept { return enumerations_; }
  const std::vector<std::string>& lines() const noexcept { return lines_; }
  /// The entries of the table of notes: `dspy::field<&Output::score>(…)`.
  const std::vector<std::string>& notes() const noexcept { return notes_; }

 private:
  struct Spelled {
    std::string type = {};
    bool is_exact = true;  ///< The C++ type alone gives the same `Type`.
  };

  Spelled spell(const Type& type, const std::string& hint, std::string_view field);
  Spelled choice(const Type& type, const std::string& hint, std::string_view field);
  /// Limits as notes for people; false if some are left.
  bool limit_notes(const Type& type, std::vector<std::string>& notes) const;

  std::string owner_;
  std::string enumerations_;
  std::set<std::string, std::less<>> names_;
  std::vector<std::string> lines_;
  std::vector<std::string> notes_;
};

}  // namespace dspy::codegen
