#include "dspy/agents/team.hpp"

#include "dspy/agents/react.hpp"
#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/programs/program.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <format>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

std::string turn(std::string_view tool, std::string_view arguments = "{}") {
  return std::format("Next thought: I use it.\nNext tool name: {}\nNext tool args: {}", tool, arguments);
}

const std::string answer = "Reasoning: known.\nAnswer: 42";
const std::string to_billing = turn("transfer_to_billing", R"({"message": "Look up invoice 7."})");

std::shared_ptr<ScriptedLM> script(std::deque<std::string> replies) {
  return std::make_shared<ScriptedLM>(std::move(replies));
}

TeamMember front(std::shared_ptr<LM> lm) {
  return {.name = "front",
          .description = "Sorts requests.",
          .instructions = "Be brief.",
          .tools = {{"look", "Looks.", [] { return std::string("seen"); }, {.idempotent = true}}},
          .options = {.predictor = {.lm = std::move(lm)}}};
}

TeamMember billing(std::shared_ptr<LM> lm, std::atomic<int>* payments = nullptr, bool asks = false) {
  return {.name = "billing",
          .description = "Knows invoices.",
          .tools = {{"pay",
                     "Pays.",
                     [payments] {
                       if (payments != nullptr) ++*payments;
                       return std::string("paid");
                     },
                     {.needs_approval = asks}}},
          .options = {.predictor = {.lm = std::move(lm)}}};
}

const Signature signature = Signature::parse("request -> answer");

std::filesystem::path fresh(std::string_view name) {
  const auto path = std::filesystem::temp_directory_path() / std::format("dspy-team-{}-{}", ::getpid(), name);
  for (std::size_t stage = 0; stage < 3; ++stage) std::filesystem::remove(Team::journal_of(path, stage));
  return path;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void cut(const std::filesystem::path& path, std::string_view text, std::size_t bytes) {
  std::ofstream(path, std::ios::binary) << text.substr(0, bytes);
}

}  // namespace

TEST_CASE("an agent hands over, and the other one knows what was found out") {
  const auto first = script({turn("look"), to_billing});
  const auto second = script({turn("pay"), turn("finish"), answer});
  std::atomic<int> payments = 0;
  const Team desk(signature, {front(first), billing(second, &payments)});
  const auto out = desk({{"request", "What do I owe?"}});
  CHECK(out.at("answer") == "42");
  CHECK(out.at("termination_reason") == "finish");
  CHECK(payments == 1);
  CHECK(out.lm_usage.requests == 5);
  const auto& passed = out.at("hand_overs").as_array();
  REQUIRE(passed.size() == 1);
  CHECK(passed[0].at("from") == "front");
  CHECK(passed[0].at("message") == "Look up invoice 7.");
  CHECK(passed[0].at("trajectory").at("observation_0") == "seen");
  const auto prompt = second->requests().at(0).messages.back().text();
  CHECK(prompt.contains("Agent `front` handed over to `billing`: Look up invoice 7."));
  CHECK(prompt.contains("observation_0: seen"));
  CHECK(first->requests().at(0).messages.begin()->text().contains("Be brief."));
}

TEST_CASE("a team is a program, whose predictors have their agents' names") {
  const Team desk(signature, {front(script({turn("finish"), answer})), billing(nullptr)});
  CHECK(named_predictors(desk).at(2).first == "billing.react");
  const Program program = desk;
  CHECK(program({{"request", "?"}}).at("answer") == "42");
}

TEST_CASE("work is not handed over for ever") {
  const auto back = turn("transfer_to_front", R"({"message": "No, you."})");
  const auto first = script({to_billing, to_billing, turn("finish"), answer});
  const Team desk(signature, {front(first), billing(script({back}))}, {.max_hand_overs = 2});
  const auto out = desk({{"request", "?"}});
  CHECK(out.at("hand_overs").as_array().size() == 2);
  CHECK(out.at("trajectory").at("observation_0") == "The work has been handed over often enough: finish it yourself.");
  CHECK(out.at("answer") == "42");
}

TEST_CASE("members hand over to whom they may") {
  auto closed = billing(nullptr);
  closed.hands_to = {"front"};
  auto third = front(nullptr);
  third.name = "archive";
  const Team desk(signature, {front(nullptr), closed, third}, {.first = "billing"});
  const auto names = named_predictors(desk);
  const auto& tools = names.at(2).second->signature().outputs[1].type.choices;
  CHECK(tools == std::vector<Json>{"pay", "transfer_to_front", "finish"});

  const auto refuses = [](std::vector<TeamMember> members, TeamOptions options = {}) {
    CHECK_THROWS_AS(Team(signature, std::move(members), std::move(options)), Error);
  };
  refuses({});
  refuses({front(nullptr), front(nullptr)});
  auto wrong = front(nullptr);
  wrong.hands_to = {"nobody"};
  refuses({wrong});
  wrong.hands_to = {"front"};
  refuses({wrong});
  refuses({front(nullptr)}, {.first = "nobody"});
  refuses({front(nullptr)}, {.max_hand_overs = -1});
  CHECK_THROWS_AS(Team(Signature::parse("handed_over -> answer"), {front(nullptr)}), Error);
}

TEST_CASE("a team's run goes on from its journals, cut anywhere, and does nothing twice") {
  const auto path = fresh("cut");
  std::atomic<int> payments = 0;
  const auto second_replies = std::deque<std::string>{turn("pay"), turn("finish"), answer};
  {
    const Team desk(signature,
                    {front(script({turn("look"), to_billing})), billing(script(second_replies), &payments, true)});
    const auto waiting = desk.start({{"request", "?"}}, {.journal = path});
    REQUIRE(waiting.waiting.size() == 1);
    CHECK(waiting.waiting[0].tool == "pay");
    CHECK(payments == 0);
  }
  const auto first = text_of(path);
  // The second agent goes on with the decision, whichever stage it belongs to.
  const auto id = std::string("call_0_0");
  {
    const Team desk(signature, {front(script({})), billing(script({turn("finish"), answer}), &payments, true)});
    const auto done = desk.resume({.journal = path, .decisions = {{id, {.kind = Verdict::Kind::approve}}}});
    REQUIRE(done.is_done());
    CHECK(done.prediction.at("answer") == "42");
    CHECK(payments == 1);
    CHECK(desk.resume({.journal = path}).prediction.at("answer") == "42");
  }
  // The first one's journal cut at the end of any line; the next stage was not begun then.
  for (auto end = first.find('\n'); end != std::string::npos; end = first.find('\n', end + 1)) {
    std::filesystem::remove(Team::journal_of(path, 1));
    cut(path, first, end + 1);
    if (read_journal(path).events.empty()) continue;
    std::deque<std::string> left{turn("look"), to_billing};
    for (const auto& event : read_journal(path).events)
      if (event.kind == AgentEvent::Kind::turn) left.pop_front();
    const Team desk(signature, {front(script(left)), billing(script(second_replies), &payments)});
    const auto done = desk.resume({.journal = path});
    REQUIRE(done.is_done());
    CHECK(done.prediction.at("hand_overs").as_array().size() == 1);
  }
}

TEST_CASE("outside a team nobody can be handed over to") {
  Tools tools{{"pass", "Passes.", [] { return ToolOutcome{.value = "take it", .hands_to = "nobody"}; }}};
  const ReActAgent agent(signature, tools, {.predictor = {.lm = script({turn("pass")})}});
  CHECK_THROWS_WITH_AS(agent({{"request", "?"}}), "the agent hands over to `nobody`, which only a team of agents has",
                       Error);
}

TEST_CASE("an agent that is a tool has a budget of its own") {
  const ReActAgent inner(signature, {},
                         {.predictor = {.lm = script({turn("finish"), answer, turn("finish"), answer})}});
  Tools outer{as_tool("ask", "Asks.", inner, Budget::Limits{.requests = 1})};
  const ReActAgent agent(signature, outer,
                         {.predictor = {.lm = script({turn("ask", R"({"request": "x"})"), turn("finish"), answer})}});
  const auto out = agent({{"request", "?"}});
  CHECK(view(out.at("trajectory").at("observation_0").as_string()).starts_with("This agent stopped before its end:"));
  CHECK(out.at("answer") == "42");
}
