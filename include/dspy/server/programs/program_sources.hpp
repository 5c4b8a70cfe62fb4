#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/server/catalog.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

struct SourceOptions {
  /// The LM of a step or program that names one.
  std::function<std::shared_ptr<LM>(const std::string& model)> make_lm = {};
  std::shared_ptr<LM> lm = {};                  ///< Of all that name none; null: `configure`'s.
  std::shared_ptr<const Adapter> adapter = {};  ///< Of programs whose file names none.
  std::filesystem::path registry = {};          ///< For references such as `triage@production`; empty: none.
  bool watches_files = false;                   ///< `poll` looks at files too, not only at the registry's aliases.
  bool accepts_changed = false;                 ///< Files that were edited after they were saved are loaded.
};

/// Loads programs from their sources into a catalog, and reloads them when the source changes.  A program that can no
/// longer be loaded stays in service unchanged, and `problems` says why.  Thread-safe.
///
/// A source is a program file, a flow (TOML or JSON), an agent's file, a reference to the registry
/// (`triage@production`, `triage:3`), or a signature (`question -> answer`).  `NAME=SOURCE` serves it under another
/// name than the file's or the program's own.
class ProgramSources {
 public:
  ProgramSources(std::shared_ptr<Catalog> catalog, SourceOptions options);
  ~ProgramSources();
  ProgramSources(const ProgramSources&) = delete;
  ProgramSources& operator=(const ProgramSources&) = delete;

  /// Loads one and puts it into the catalog; returns its name.  Throws `Error` (`io_error`, `config_error`,
  /// `signature_error`, `bad_input`), also for a name that is taken.
  std::string add(const std::string& source);
  /// Loads what has changed since; returns how many programs were put in place of others.
  std::size_t poll();
  /// A sentence for each source that could not be loaded when it last changed.
  std::vector<std::string> problems() const;
  /// The agent that is served under that name, for runs that wait for approval; null if it is none.
  std::shared_ptr<const ReActAgent> agent(std::string_view name) const;
  /// A version of the registry (`3`, `1.2.0`, `triage:3`) of the program that is served under that name, without
  /// serving it.  Throws `Error` (`bad_input`) if there is none.
  std::shared_ptr<const ServedProgram> version(std::string_view name, const std::string& version) const;

 private:
  struct Source;

  std::shared_ptr<Catalog> catalog_;
  SourceOptions options_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Source>> sources_;
};

}  // namespace dspy::server
