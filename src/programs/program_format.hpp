#pragma once

#include "dspy/base/error.hpp"
#include "dspy/programs/program_file.hpp"

#include <cstdint>
#include <string>
#include <string_view>

// The parts of the program file's format that its reader and its writer share.

namespace dspy::program_format {

/// Raised by one whenever an older library would misread a file; docs/formats/program.md has the rule.
inline constexpr std::int64_t version = 2;
/// The member of a file with this library's part.
inline constexpr std::string_view own_key = "dspy_cpp";

/// The hash of everything in `root` but the hash itself.  It does not depend on layout, the order
/// of members or the spelling of a number.
std::string content_hash(const JsonObject& root);

/// What DSPy calls a field of that name, with a colon: `next_tool` → `Next Tool:`.
std::string prefix_of(std::string_view name);

/// `${name}`: DSPy's word for "no description".
std::string default_description(std::string_view name);

/// The instructions that Python DSPy gives a predictor which has none; the `reasoning` of a `ChainOfThought` at `path`
/// is not named in them.
std::string default_instructions(const Signature& signature, std::string_view path);

/// What DSPy's state does not say of a field: name, type, label, default.
JsonObject field_to_json(const Field& field);
/// The reverse.  Throws `Error`.
Field field_from_json(const JsonObject& written);

}  // namespace dspy::program_format
