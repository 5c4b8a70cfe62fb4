#include "dspy/agents/team.hpp"

#include "agents/loop/agent_loop.hpp"
#include "dspy/agents/journal.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/agents/tool.hpp"
#include "dspy/agents/tool_outcome.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/signature/field.hpp"
#include "dspy/signature/prediction.hpp"
#include "dspy/signature/signature.hpp"
#include "dspy/signature/type.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <format>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

constexpr std::string_view notes_field = "handed_over";

Async<ToolOutcome> hand_over_to(std::string name, Json message) {
  co_return ToolOutcome{.value = std::move(message), .hands_to = std::move(name)};
}

FunctionTool transfer_tool(const TeamMember& to) {
  auto arguments = Type::object(
      "", {make_field("message", Type::string(), "What the other agent has to know, and what is left to do.")});
  return {
      "transfer_to_" + to.name,
      std::format("Hands the work over to `{}` for good: {}", to.name, to.description),
      std::move(arguments),
      [name = to.name](const JsonObject& given, const ToolContext&) { return hand_over_to(name, given.at("message")); },
      {.idempotent = true}};
}

FunctionTool closed_tool(const FunctionTool& tool) {
  return {tool.definition(), [](JsonObject, ToolContext) -> Async<ToolOutcome> {
            co_return ToolOutcome::error("The work has been handed over often enough: finish it yourself.");
          }};
}

Signature signature_of(const Signature& signature, const TeamMember& member) {
  auto instructions = signature.instructions;
  if (!member.instructions.empty()) instructions += (instructions.empty() ? "" : "\n\n") + member.instructions;
  auto field = make_field(std::string(notes_field), Type::optional(Type::string()),
                          "What agents before you found out, and why the last one handed over to you");
  return signature.with_instructions(std::move(instructions)).append(Direction::input, std::move(field));
}

void check(const Signature& signature, const std::vector<TeamMember>& members) {
  const auto refuse = [](const std::string& why) { throw Error(Errc::invalid_parameter, why); };
  if (members.empty()) refuse("a team has at least one agent");
  if (signature.find(notes_field) != nullptr)
    throw Error(Errc::signature_error,
                std::format("a team's signature has a field `{}`, which the team uses itself; rename it", notes_field));
  std::vector<std::string> names;
  for (const auto& member : members) {
    if (std::ranges::contains(names, member.name))
      refuse(std::format("two agents of the team are called `{}`; rename one", member.name));
    names.push_back(member.name);
  }
  for (const auto& member : members) {
    for (const auto& name : member.hands_to) {
      if (name == member.name) refuse(std::format("the agent `{}` cannot hand over to itself", name));
      if (!std::ranges::contains(names, name))
        refuse(std::format("the agent `{}` hands over to `{}`, which the team does not have; it has {}", member.name,
                           name, text::enumerate(names, "`", "and")));
    }
  }
}

/// The tools of handing over, to be added to the member's own.
std::vector<FunctionTool> transfers_of(const TeamMember& member, const std::vector<TeamMember>& members) {
  std::vector<FunctionTool> out;
  for (const auto& other : members) {
    const bool is_meant = member.hands_to.empty() || std::ranges::contains(member.hands_to, other.name);
    if (other.name != member.name && is_meant) out.push_back(transfer_tool(other));
  }
  return out;
}

/// What happened before a stage.
struct Stages {
  std::string notes = {};
  JsonArray hand_overs = {};
  Usage usage = {};

  void add(const std::string& from, const HandOver& hand_over) {
    if (!notes.empty()) notes += "\n\n";
    notes +=
        std::format("Agent `{}` handed over to `{}`: {}\n{}", from, hand_over.to, hand_over.message, hand_over.notes);
    hand_overs.push_back(JsonObject{
        {"from", from}, {"to", hand_over.to}, {"message", hand_over.message}, {"trajectory", hand_over.trajectory}});
    usage += hand_over.usage;
  }
};

bool has_begun(const std::filesystem::path& journal) {
  return std::filesystem::exists(journal) && !read_journal(journal).events.empty();
}

/// Without options, and with the journal's content if it was started.
AgentRunOptions options_of(const AgentRunOptions& run, std::size_t stage) {
  auto out = run;
  if (!run.journal.empty()) out.journal = Team::journal_of(run.journal, stage);
  const bool is_last = run.journal.empty() || !has_begun(Team::journal_of(run.journal, stage + 1));
  if (!is_last) out.decisions.clear();  // they are about calls of the stage that was reached
  return out;
}

}  // namespace

Team::Team(const Signature& signature, const std::vector<TeamMember>& members, const TeamOptions& options)
    : max_hand_overs_(options.max_hand_overs) {
  check(signature, members);
  if (max_hand_overs_ < 0) throw Error(Errc::invalid_parameter, "`max_hand_overs` must be 0 or more");
  for (const auto& member : members) {
    auto tools = member.tools, closed = member.tools;
    for (auto& tool : transfers_of(member, members)) {
      closed.add(closed_tool(tool));
      tools.add(std::move(tool));
    }
    auto own = member.options;
    own.name = member.name;
    members_.push_back({.name = member.name,
                        .agent = ReActAgent(signature_of(signature, member), std::move(tools), std::move(own)),
                        .closed = std::move(closed)});
  }
  if (!options.first.empty()) first_ = index_of(options.first);
}

std::size_t Team::index_of(std::string_view name) const {
  const auto found = std::ranges::find(members_, name, &Member::name);
  if (found == members_.end()) throw Error(Errc::invalid_parameter, std::format("the team has no agent `{}`", name));
  return static_cast<std::size_t>(found - members_.begin());
}

std::filesystem::path Team::journal_of(const std::filesystem::path& journal, std::size_t stage) {
  if (stage == 0) return journal;
  auto out = journal;
  out += std::format(".{}", stage);
  return out;
}

Async<AgentOutcome> Team::drive(Team self, JsonObject inputs, AgentRunOptions options, FieldSink sink,
                                bool is_resumed) {
  Stages before;
  auto current = self.first_;
  for (std::size_t stage = 0;; ++stage) {
    auto agent = self.members_[current].agent;
    if (std::cmp_greater_equal(stage, self.max_hand_overs_)) agent = agent.with_tools(self.members_[current].closed);
    const auto own = options_of(options, stage);
    AgentOutcome outcome;
    if (is_resumed && (stage == 0 || has_begun(own.journal))) {
      outcome = co_await agent.aresume(own);
    } else {
      auto given = inputs;
      given[notes_field] = before.notes.empty() ? Json() : Json(before.notes);
      outcome = co_await agent.astart(std::move(given), own, sink);
    }
    if (outcome.hand_over) {
      before.add(self.members_[current].name, *outcome.hand_over);
      current = self.index_of(outcome.hand_over->to);
      continue;
    }
    if (outcome.is_done()) {
      outcome.prediction.data["hand_overs"] = std::move(before.hand_overs);
      outcome.prediction.lm_usage += before.usage;
    }
    co_return outcome;
  }
}

Async<Prediction> Team::run(JsonObject inputs, Run how) const {
  auto outcome = co_await drive(*this, std::move(inputs), {.call = std::move(how.options)}, std::move(how.sink), false);
  require_nobody_waits(outcome);
  co_return std::move(outcome.prediction);
}

Async<AgentOutcome> Team::astart(JsonObject inputs, AgentRunOptions options) const {
  return drive(*this, std::move(inputs), std::move(options), {}, false);
}

Async<AgentOutcome> Team::aresume(AgentRunOptions options) const {
  return [](Team self, AgentRunOptions how) -> Async<AgentOutcome> {
    const auto events = read_journal(how.journal).events;
    if (events.empty()) throw Error(Errc::config_error, "the journal holds no run that has begun; start one");
    auto inputs = events.front().inputs;
    inputs.erase(notes_field);
    co_return co_await drive(std::move(self), std::move(inputs), std::move(how), {}, true);
  }(*this, std::move(options));
}

}  // namespace dspy
