#pragma once

#include "dspy/base/json.hpp"
#include "dspy/signature/example.hpp"
#include "dspy/signature/signature.hpp"

#include <istream>
#include <string>
#include <string_view>
#include <vector>

// What users give: values in arguments, examples in files, text on standard input.

namespace dspy::app {

/// Throws `Error` (`bad_input`) about a member of the input.
[[noreturn]] void reject_input(const std::string& member, const std::string& reason);

/// Text from an argument or a table's cell as a value of the field's type.  Throws `Error` (`bad_input`).
Json typed_value(const Field& field, const std::string& text);

/// Input values from `name=value` and `{"name": value}` arguments, each of its field's type.
JsonObject read_inputs(const Signature& signature, const std::vector<std::string>& arguments);

/// Demonstrations from a JSONL file.
std::vector<Example> read_examples(const std::string& path, const Signature& signature);

/// `std::cin`.  Throws `Error` (`io_error`) if it is closed, or a folder.
std::istream& standard_input();
/// All of it, without a byte order mark.  Throws `Error` (`io_error`).
std::string read_all(std::istream& in);

}  // namespace dspy::app
