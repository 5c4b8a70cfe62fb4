#pragma once

#include "dspy/agents/react.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/modules/module.hpp"
#include "dspy/signature/prediction.hpp"
#include "dspy/signature/signature.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {

/// One agent of a team.
struct TeamMember {
  std::string name = {};
  std::string description = {};   ///< When the others hand over to it.
  std::string instructions = {};  ///< Its own, after those of the signature.
  Tools tools = {};
  ReActOptions options = {};  ///< Its `name` is the member's.
  /// Whom it may hand over to; empty: any of the others.
  std::vector<std::string> hands_to = {};
};

struct TeamOptions {
  std::string first = {};  ///< Who begins; empty: the first member.
  int max_hand_overs = 8;  ///< After this many, the current agent has to finish.  At least 0.
};

/// Agents that hand their work over to one another, until one of them gives the outputs of the signature.  Each has a
/// tool `transfer_to_<name>` for each agent it may hand over to; the other one gets the inputs, the message, and the
/// trajectories so far, as the input `handed_over`.
///
///     dspy::Team desk(dspy::Signature::parse("request -> answer"),
///                     {{.name = "front", .description = "Sorts requests.", .tools = lookup},
///                      {.name = "billing", .description = "Knows invoices.", .tools = invoices}});
///     auto out = desk({{"request", "…"}});   // out.at("hand_overs")
///
/// A value; calls may overlap from any thread.
class Team : public Module<Team, JsonObject, Prediction> {
 public:
  /// Throws `Error` (`invalid_parameter`) for no members, names that are twice or no tool's, or unknown ones;
  /// (`signature_error`) as `ReActAgent` does, and for a field `handed_over`.
  Team(const Signature& signature, const std::vector<TeamMember>& members, const TeamOptions& options = {});

  /// The outputs, with `trajectory` and `termination_reason` of who gave them, and `hand_overs`: a list of `{"from",
  /// "to", "message", "trajectory"}`.
  Async<Prediction> run(JsonObject inputs, Run how) const;

  /// As an agent's `start` and `resume`: the journal of the first is `options.journal`, of the next `….1`, `….2`, …
  Async<AgentOutcome> astart(JsonObject inputs, AgentRunOptions options) const;
  Async<AgentOutcome> aresume(AgentRunOptions options) const;
  AgentOutcome start(JsonObject inputs, AgentRunOptions options) const {
    return wait(astart(std::move(inputs), std::move(options)));
  }
  AgentOutcome resume(AgentRunOptions options) const { return wait(aresume(std::move(options))); }

  /// The journal of a run's stage, from 0.
  static std::filesystem::path journal_of(const std::filesystem::path& journal, std::size_t stage);

  template <class F>
  void for_each_predictor(F&& visit) {
    for (auto& member : members_) {
      member.agent.for_each_predictor(
          [&](const std::string& path, auto& predictor) { visit(member.name + "." + path, predictor); });
    }
  }
  template <class F>
  void for_each_predictor(F&& visit) const {
    for (const auto& member : members_) {
      member.agent.for_each_predictor(
          [&](const std::string& path, const auto& predictor) { visit(member.name + "." + path, predictor); });
    }
  }

 private:
  struct Member {
    std::string name;
    ReActAgent agent;
    Tools closed;  ///< Its tools where it cannot hand over any more.
  };

  std::size_t index_of(std::string_view name) const;
  static Async<AgentOutcome> drive(Team self, JsonObject inputs, AgentRunOptions options, FieldSink sink,
                                   bool is_resumed);

  std::vector<Member> members_;
  std::size_t first_ = 0;
  int max_hand_overs_ = 8;
};

}  // namespace dspy
