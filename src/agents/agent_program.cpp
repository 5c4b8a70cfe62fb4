#include "dspy/agents/agent_program.hpp"

#include "dspy/agents/agent_file.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program_file.hpp"

#include <optional>
#include <string>
#include <utility>

namespace dspy {
namespace {

constexpr auto member = "agent";
constexpr auto folder_member = "agent_folder";

}  // namespace

ProgramFile program_of(const AgentFile& agent) {
  auto out = to_program_file(agent.agent());
  out.own_kept[member] = agent.source;
  // Commands such as `./convert` are found from there.
  if (!agent.folder.empty()) out.own_kept[folder_member] = agent.folder.string();
  return out;
}

std::optional<AgentFile> agent_in(const ProgramFile& program) {
  const auto* const source = program.own_kept.if_contains(member);
  if (source == nullptr) return std::nullopt;
  std::string folder;
  if (const auto* const written = program.own_kept.if_contains(folder_member)) {
    if (!written->is_string()) throw Error(Errc::config_error, "the program file's `agent_folder` must be a path");
    folder = std::string(view(written->get_string()));
  }
  auto file = parse_agent(to_text(*source), folder);
  file.connect();
  return file;
}

ReActAgent agent_of(const AgentFile& file, const ProgramFile& program, PredictorOptions predictor) {
  auto agent = file.agent(std::move(predictor));
  apply(program, agent);
  return agent;
}

}  // namespace dspy
