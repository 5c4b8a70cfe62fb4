#pragma once

#include "dspy/agents/react.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/programs/program_sources.hpp"

#include <memory>
#include <string>

namespace dspy::server {

/// `NAME=SOURCE` taken apart.
struct SourceText {
  enum class Kind { file, registry, notation };

  Kind kind = Kind::file;
  std::string name = {};
  std::string text = {};
};

/// `NAME=…` for a source, in quotes where a shell needs them.
std::string named_source(const std::string& text);

/// Throws `Error` (`invalid_parameter`) for a name that does not fit into a path.
SourceText read_source(const std::string& source);

struct LoadedProgram {
  ServedProgram program;
  std::shared_ptr<const ReActAgent> agent = {};  ///< Null unless it is one.
};

/// Loads the current state of a source.  Throws `Error`.
LoadedProgram load_program_source(const SourceText& source, const SourceOptions& options);

/// Changes whenever `load_program_source` would load something else; empty for what never does.
std::string stamp_of(const SourceText& source, const SourceOptions& options);

}  // namespace dspy::server
