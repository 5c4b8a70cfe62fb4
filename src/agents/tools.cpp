#include "dspy/agents/tools.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy {

std::string wire_name(std::string_view name) {
  std::string out(name);
  std::ranges::replace(out, '.', '_');
  return out;
}

bool matches_wildcard(std::string_view pattern, std::string_view text) noexcept {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

Tools::Tools(std::initializer_list<FunctionTool> tools) {
  for (const auto& tool : tools) add(tool);
}

void Tools::add(FunctionTool tool) {
  if (find(tool.name()) != nullptr) {
    throw Error(Errc::invalid_parameter,
                std::format("there is a tool `{}` already; give one another name, or put it into a space of its own",
                            tool.name()));
  }
  if (const auto* const other = find_by_wire_name(wire_name(tool.name()))) {
    throw Error(Errc::invalid_parameter, std::format("the tools `{}` and `{}` differ only in `.` and `_`, which models "
                                                     "may not tell apart; rename one",
                                                     other->name(), tool.name()));
  }
  auto changed = std::make_shared<std::vector<FunctionTool>>(*tools_);
  changed->push_back(std::move(tool));
  tools_ = std::move(changed);
}

void Tools::add(const Tools& others, std::string_view space) {
  for (const auto& tool : others) add(space.empty() ? tool : tool.renamed(std::format("{}.{}", space, tool.name())));
}

Tools Tools::only(const std::vector<std::string>& allowed) const {
  Tools chosen;
  std::vector<bool> matched(allowed.size(), false);
  for (const auto& tool : *tools_) {
    bool is_allowed = false;
    for (std::size_t i = 0; i < allowed.size(); ++i) {
      if (!matches_wildcard(allowed[i], tool.name())) continue;
      is_allowed = true;
      matched[i] = true;
    }
    if (is_allowed) chosen.add(tool);
  }
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    if (!matched[i]) {
      throw Error(Errc::invalid_parameter, std::format("no tool is called `{}`; there are {}", allowed[i],
                                                       text::enumerate(names(), "`", "and")));
    }
  }
  return chosen;
}

const FunctionTool* Tools::find(std::string_view name) const noexcept {
  const auto found = std::ranges::find(*tools_, name, &FunctionTool::name);
  return found == tools_->end() ? nullptr : &*found;
}

const FunctionTool* Tools::find_by_wire_name(std::string_view name) const noexcept {
  const auto is_it = [&](const FunctionTool& tool) {
    return std::ranges::equal(tool.name(), name, [](char a, char b) { return (a == '.' ? '_' : a) == b; });
  };
  const auto found = std::ranges::find_if(*tools_, is_it);
  return found == tools_->end() ? nullptr : &*found;
}

std::vector<std::string> Tools::names() const {
  std::vector<std::string> out;
  for (const auto& tool : *tools_) out.push_back(tool.name());
  return out;
}

std::vector<ToolDefinition> Tools::definitions() const {
  std::vector<ToolDefinition> out;
  out.reserve(tools_->size());
  for (const auto& tool : *tools_) {
    out.push_back(tool.definition());
    out.back().name = wire_name(tool.name());
  }
  return out;
}

Async<ToolOutcome> Tools::call(std::string name, Json arguments, ToolContext context) const {
  if (const auto* const tool = find(name)) return tool->call(std::move(arguments), std::move(context));
  return [](std::string called, std::vector<std::string> known) -> Async<ToolOutcome> {
    co_return ToolOutcome::error(
        known.empty() ? std::format("there is no tool `{}`; there are none at all", called)
                      : std::format("there is no tool `{}`; there are {}", called, text::enumerate(known, "`", "and")));
  }(std::move(name), names());
}

}  // namespace dspy
