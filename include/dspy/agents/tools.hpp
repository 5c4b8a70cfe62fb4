#pragma once

#include "dspy/agents/tool.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/tool.hpp"

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// The tools of an agent, by name.  What is not in here cannot be called, whatever a model or a tool's result says.
///
///     dspy::Tools tools{{"convert", "Converts money.", convert, dspy::args("amount", "from", "to")},
///                       {"today", "The date.", today}};
///
/// A value, cheap to copy.  Calls may overlap from any thread; adding while others read needs the caller's own lock.
class Tools {
 public:
  Tools() = default;
  /// Throws as `add` does.
  Tools(std::initializer_list<FunctionTool> tools);

  /// Throws `Error` (`invalid_parameter`) for a name that is there already, or that differs from one only in `.` and
  /// `_`, as providers take no dots.
  void add(FunctionTool tool);
  /// Adds all of `others` as `space.name`; with an empty space, without a prefix.
  void add(const Tools& others, std::string_view space = {});

  /// The tools whose names are among `allowed`, where `*` stands for any text.  Throws `Error` (`invalid_parameter`)
  /// for a pattern that no name matches.
  Tools only(const std::vector<std::string>& allowed) const;

  /// Null if there is none.
  const FunctionTool* find(std::string_view name) const noexcept;
  std::size_t size() const noexcept { return tools_->size(); }
  bool empty() const noexcept { return tools_->empty(); }
  /// In the order in which they were added.
  auto begin() const noexcept { return tools_->begin(); }
  auto end() const noexcept { return tools_->end(); }

  std::vector<std::string> names() const;
  /// As they are described to a provider: with `_` for `.` in the names.
  std::vector<ToolDefinition> definitions() const;
  /// The tool that a provider calls so.
  const FunctionTool* find_by_wire_name(std::string_view name) const noexcept;

  /// Calls a tool as `FunctionTool::call` does; one that is not there is an outcome that lists those there are.
  Async<ToolOutcome> call(std::string name, Json arguments, ToolContext context = {}) const;

 private:
  std::shared_ptr<const std::vector<FunctionTool>> tools_ = std::make_shared<const std::vector<FunctionTool>>();
};

/// A tool's name with `_` for `.`.
std::string wire_name(std::string_view name);

/// Whether `text` is `pattern`, in which `*` stands for any text.
bool matches_wildcard(std::string_view pattern, std::string_view text) noexcept;

}  // namespace dspy
