#pragma once

#include "dspy/signature/field.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// The word for a kind in notation: `str`, `list`, `Image`.
std::string_view name_of(Type::Kind kind) noexcept;

bool can_be_key(const Type& type) noexcept;

/// The names of the limits that are set.
std::vector<std::string_view> rules_of(const Limits& limits);

/// True if the limit of that name applies to values of the kind.
bool suits(Type::Kind kind, std::string_view rule) noexcept;

/// What a limit does suit, as the end of a sentence.
std::string_view suited_by(std::string_view rule) noexcept;

/// Without the bounds of C++'s 32 and 64-bit integers, which are enforced but need not be told to a model.
Limits without_machine_bounds(Limits limits);
Type without_machine_bounds(Type type);

/// `with_limits` that returns what is wrong.
std::optional<std::string> add_limits(Type& type, const Limits& limits);

/// What is wrong with a type, and the remedy: "has an incomplete type; …".
std::optional<std::string> problem_of(const Type& type);

/// The same for a member of an object, whose name may be any text, and for a signature's field.
std::optional<std::string> problem_of(const Field& field);

/// Text in quotes, as a Python literal.
void append_quoted(std::string& out, std::string_view text);

}  // namespace dspy
