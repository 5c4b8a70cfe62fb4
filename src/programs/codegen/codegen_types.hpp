#pragma once

#include "programs/codegen/codegen_names.hpp"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// C++ for types: how a member of a type is declared, and the structs and enumerations it needs.

namespace dspy::codegen {

/// A type in C++.
struct Spelled {
  std::string cpp = {};
  Type natural = {};           ///< What reflection makes of it; notes turn that into the wanted type.
  bool is_incomplete = false;  ///< A struct that is still being written: only a box or a vector can hold it.
  std::vector<Spelled> alternatives = {};  ///< Of a variant; what an optional holds.
};

/// A type without parts.
Spelled plain(std::string_view cpp, Type::Kind kind);

/// The members of one struct.
struct Members {
  std::string text = {};                      ///< A line each.
  std::vector<std::string> own_notes = {};    ///< Entries for a table within the struct.
  std::vector<std::string> outer_notes = {};  ///< Entries for a table around it.
};

/// `head { … };`
std::string block(std::string_view head, std::string_view body);

/// A table of notes; nothing without entries.
std::string table(const std::vector<std::string>& entries);

/// The notes that turn the type `natural` into `wanted`.  Throws `Error` (`config_error`), which
/// names `place`, if there are none.
std::vector<std::string> notes_between(const Type& natural, const Type& wanted, std::string_view place);

/// Writes members of structs, and the structs and enumerations that these need, each type once.
class TypeWriter {
 public:
  /// `scope` is where the types will stand, for specialisations: `shop::Triage`, or empty.
  TypeWriter(std::string scope, const std::vector<std::string>& taken);

  /// Keeps new types from being called like one of these members, or like one of what they hold.
  void avoid(const std::vector<Field>& fields);
  std::string free_name(std::string_view name) { return names_.add(name); }

  /// The members of a struct called `owner`.  Notes on members that keep their name go to
  /// `outer_notes` if `with_outer_table`.  Throws `Error` (`config_error`) that names what C++ cannot
  /// hold.
  Members members(const std::vector<Field>& fields, const std::string& owner, bool with_outer_table);
  /// A struct for an object type.  The outermost one holds the definitions so far.
  std::string structure(const Type& object, const std::string& name, bool is_outermost);

  /// The definitions so far, in an order in which they compile; forgotten after that.
  std::string take_definitions() { return std::exchange(definitions_, {}); }
  /// Specialisations, for the namespace around all others.
  const std::string& specialisations() const noexcept { return specialisations_; }

 private:
  struct Open {
    const Type* object = nullptr;
    std::string name = {};
  };

  void avoid_within(const Type& type);
  Spelled spell(const Type& type, const std::string& hint);
  Spelled list(const Type& type, const std::string& hint);
  Spelled dict(const Type& type, const std::string& hint);
  Spelled choice(const Type& type, const std::string& hint);
  Spelled alternatives(const Type& type, const std::string& hint);
  static Spelled one_of(std::vector<Spelled> all);
  Spelled enumeration(const Type& type, const std::string& hint);
  Spelled object(const Type& type, const std::string& hint);
  Spelled reference(const Type& type) const;
  std::string key_of(const Type& type) const;
  std::string note(const Field& field, const std::string& owner, const std::string& cpp_name,
                   const Type& natural) const;
  std::string initial(const Field& field, const Spelled& spelled) const;

  std::string scope_;
  Scope names_;
  std::string definitions_;
  std::string specialisations_;
  std::map<std::string, Spelled> known_;
  std::map<std::string, std::vector<std::string>> enumerators_;  ///< Of an enumeration, in the order of its choices.
  std::vector<Open> open_;
  std::string place_;  ///< The field that is being written, for errors.
};

}  // namespace dspy::codegen
