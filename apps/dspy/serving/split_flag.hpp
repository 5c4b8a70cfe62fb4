#pragma once

#include "dspy/server/catalog.hpp"
#include "dspy/server/programs/splits.hpp"

#include <string>

namespace dspy::app {

/// Starts the experiment that `NAME=PROGRAM:WEIGHT,PROGRAM:WEIGHT` describes.  Throws `Error` (`bad_input`) for one
/// that cannot be read, or a program that is not served.
void add_split(const std::string& text, const server::Catalog& catalog, server::Splits& splits);

}  // namespace dspy::app
