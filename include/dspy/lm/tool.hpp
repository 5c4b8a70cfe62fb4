#pragma once

#include "dspy/base/json.hpp"

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

/// A tool as it is described to a model.
struct ToolDefinition {
  std::string name = {};
  std::string description = {};
  /// The JSON Schema of the arguments, an object.
  JsonObject parameters = {};
  /// Hold the model to the schema.  Unset: as the provider does.
  std::optional<bool> strict = {};
  /// A tool that the provider runs itself: its type there, such as `web_search`; else empty.
  std::string builtin = {};
  JsonObject options = {};  ///< Of a built-in tool, in the provider's own words.

  bool operator==(const ToolDefinition&) const = default;
};

/// The tools of a request: behaves like a vector, and is shared by all copies, as an agent's requests all have the same
/// tools, and their schemas are long.
class ToolList {
 public:
  using value_type = ToolDefinition;
  using const_iterator = std::vector<ToolDefinition>::const_iterator;

  ToolList() = default;
  ToolList(std::initializer_list<ToolDefinition> tools) : ToolList(std::vector<ToolDefinition>(tools)) {}
  ToolList(std::vector<ToolDefinition> tools)  // NOLINT(google-explicit-constructor): it is one
      : tools_(tools.empty() ? nullptr : std::make_shared<const std::vector<ToolDefinition>>(std::move(tools))) {}

  std::size_t size() const noexcept { return all().size(); }
  bool empty() const noexcept { return tools_ == nullptr; }
  const ToolDefinition& operator[](std::size_t i) const noexcept { return all()[i]; }
  const ToolDefinition& at(std::size_t i) const { return all().at(i); }
  const ToolDefinition& front() const noexcept { return all().front(); }
  const ToolDefinition& back() const noexcept { return all().back(); }
  const_iterator begin() const noexcept { return all().begin(); }
  const_iterator end() const noexcept { return all().end(); }

  /// Other copies stay as they are, so this copies all; of many tools make a vector first.
  void push_back(ToolDefinition tool);
  void clear() noexcept { tools_.reset(); }

  bool operator==(const ToolList& other) const { return tools_ == other.tools_ || all() == other.all(); }

 private:
  const std::vector<ToolDefinition>& all() const noexcept;

  std::shared_ptr<const std::vector<ToolDefinition>> tools_ = {};  ///< Null: none.
};

/// Which tools a reply may or must call.
struct ToolChoice {
  enum class Mode { automatic, required, none };

  Mode mode = Mode::automatic;
  std::vector<std::string> allowed = {};  ///< Names; empty: all.
  std::optional<bool> parallel = {};      ///< Several calls in one reply.  Unset: as the provider does.

  bool operator==(const ToolChoice&) const = default;
};

std::string_view to_string(ToolChoice::Mode mode) noexcept;

}  // namespace dspy
