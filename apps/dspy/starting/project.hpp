#pragma once

#include "dspy/modules/predictor.hpp"
#include "dspy/signature/signature.hpp"

#include <map>
#include <string>
#include <string_view>

namespace dspy::app {

/// The files of a new project, by their paths in it.
using ProjectFiles = std::map<std::string, std::string>;

/// A program over `signature`: CMake project, typed header, program file, dataset, evaluation, test, `dspy.toml` and a
/// container file.  `name` is a project's: see `require_project_name`.
ProjectFiles project_files(const std::string& name, const Signature& signature);

/// Throws `Error` (`bad_input`) unless the name is 1 to 50 letters, digits, `-` and `_`, and begins with a letter.
void require_project_name(std::string_view name);
/// A program's file that people edit: without the hash that tells edits from damage in one that an optimizer wrote.
std::string editable_program(const Predictor& predictor);
/// `my-shop` as a C++ namespace: `my_shop`.
std::string identifier_of(std::string_view name);
/// `my-shop` as a C++ struct: `MyShop`.
std::string type_name_of(std::string_view name);
/// `text` with each `@KEY@` replaced by its value.
std::string filled(std::string_view text, const std::map<std::string, std::string, std::less<>>& values);

}  // namespace dspy::app
