#pragma once

#include <string_view>

namespace dspy::app {

// The Python package's own files, which CMake puts into the program.  They need nothing beyond Python's library.

extern const std::string_view migrate_names;   ///< `dspy_cpp/_names.py`
extern const std::string_view migrate_script;  ///< `dspy_cpp/migrate.py`

}  // namespace dspy::app
