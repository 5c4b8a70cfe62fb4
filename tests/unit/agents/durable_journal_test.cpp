#include "dspy/agents/journal.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <format>
#include <string>
#include <vector>

using namespace dspy;

namespace {

struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / std::format("dspy-durable-journal-{}", ::getpid());

  Folder() { std::filesystem::create_directories(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("a durable journal says when the disk must be awaited, and that it was") {
  const Folder folder;
  const AgentEvent begun{.kind = AgentEvent::Kind::begun, .text = "run"};
  const auto durable = AgentJournal::begin(folder.path / "durable", {.is_durable = true});
  CHECK_FALSE(durable->write());
  durable->add(begun);
  CHECK(read_journal(folder.path / "durable").events.empty());
  CHECK(durable->write());
  CHECK(read_journal(folder.path / "durable").events.size() == 1);
  CHECK(durable->write());  // a second run that waits has nothing to write, and waits all the same
  wait(durable->reach_disk());
  CHECK_FALSE(durable->write());
  durable->add({.kind = AgentEvent::Kind::forgotten});
  durable->flush();
  CHECK_FALSE(durable->write());

  const auto usual = AgentJournal::begin(folder.path / "usual");
  usual->add(begun);
  CHECK_FALSE(usual->write());
  CHECK(read_journal(folder.path / "usual").events.size() == 1);
}

TEST_CASE("many durable runs wait for the disk at the same time, and each has its whole journal") {
  const Folder folder;
  const auto model = std::make_shared<ScriptedLM>([](const Request& request) -> std::string {
    const auto text = request.messages.back().text();
    if (!text.contains("Next tool name")) return "Reasoning: r\nAnswer: 3";
    return text.contains("observation_0")
               ? "Next thought: t\nNext tool name: finish\nNext tool args: {}"
               : "Next thought: t\nNext tool name: add\nNext tool args: {\"a\": 1, \"b\": 2}";
  });
  const ReActAgent agent(Signature::parse("question -> answer"),
                         {{"add", "Adds.", [](int a, int b) { return a + b; }, args("a", "b")}},
                         {.predictor = {.lm = model}});
  const auto journal_of = [&](int run) { return folder.path / std::to_string(run); };
  constexpr int runs = 40;
  std::vector<Async<AgentOutcome>> all;
  for (int i = 0; i < runs; ++i)
    all.push_back(
        agent.astart({{"question", "1 + 2?"}}, {.journal = journal_of(i), .journal_options = {.is_durable = true}}));
  const auto outcomes = wait(when_all(std::move(all)));
  for (int i = 0; i < runs; ++i) {
    CHECK(outcomes[static_cast<std::size_t>(i)].prediction.at("answer") == "3");
    const auto content = read_journal(journal_of(i));
    REQUIRE(content.events.size() == 6);
    CHECK(content.events.back().kind == AgentEvent::Kind::done);
    CHECK_FALSE(content.has_torn_tail);
  }
  // What is done stays done.
  const auto again = agent.resume({.journal = journal_of(0), .journal_options = {.is_durable = true}});
  CHECK(again.prediction.at("answer") == "3");
}
