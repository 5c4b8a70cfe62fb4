#include "dspy/agents/react.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/hash.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/traversal.hpp"
#include "dspy/optimize/bootstrap_few_shot.hpp"
#include "dspy/programs/program.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <format>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace dspy;

struct Travel {
  struct Input {
    std::string request;
  };
  struct Output {
    double price = 0;
  };
  static constexpr auto instructions = "Plan a journey.";
};

std::string turn(std::string_view thought, std::string_view tool, std::string_view arguments) {
  return std::format("Next thought: {}\nNext tool name: {}\nNext tool args: {}", thought, tool, arguments);
}

const std::string answer = "Reasoning: I added them.\nPrice: 42.5";

Tools tools(std::atomic<int>* bookings = nullptr) {
  return {
      {"convert", "Converts money.", [](double amount) { return amount * 2; }, args("amount"), {.idempotent = true}},
      {"book_hotel", "Books a hotel.",
       [bookings](const std::string& city) {
         if (bookings != nullptr) ++*bookings;
         return "booked in " + city;
       },
       args("city")}};
}

std::shared_ptr<ScriptedLM> script(std::deque<std::string> replies) {
  return std::make_shared<ScriptedLM>(std::move(replies));
}

ReActOptions with(std::shared_ptr<LM> lm) {
  return {.predictor = {.lm = std::move(lm)}};
}

std::filesystem::path file(std::string_view name) {
  auto path = std::filesystem::temp_directory_path() / std::format("dspy-agent-{}-{}", ::getpid(), name);
  std::filesystem::remove(path);
  return path;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

TEST_CASE("an agent thinks, calls tools, and gives its outputs") {
  const auto lm = script({turn("I convert.", "convert", R"({"amount": 3})"), turn("Done.", "finish", "{}"), answer});
  const ReAct<Travel> agent(tools(), with(lm));
  const auto out = agent({.request = "How much?"});
  CHECK(out.price == 42.5);
  CHECK(out.end() == AgentEnd::finish);
  const auto& path = out.trajectory();
  CHECK(path.at("thought_0") == "I convert.");
  CHECK(path.at("tool_name_0") == "convert");
  CHECK(path.at("tool_args_0") == Json({{"amount", 3}}));
  CHECK(path.at("observation_0") == Json(6.0));
  CHECK(path.at("tool_name_1") == "finish");
  CHECK(path.at("observation_1") == "Completed.");
  CHECK(path.size() == 8);
  CHECK(out.prediction().at("reasoning") == "I added them.");
  CHECK(out.usage().requests == 3);
  // What came back is in the next prompt.
  const auto asked = lm->requests();
  CHECK(asked[1].messages.back().text().contains("observation_0: 6.0"));
}

TEST_CASE("the predictors are DSPy's") {
  const ReAct<Travel> agent(tools());
  const auto found = named_predictors(agent);
  REQUIRE(found.size() == 2);
  CHECK(found[0].first == "react");
  CHECK(found[1].first == "extract.predict");
  const auto& name = found[0].second->signature().outputs[1].type;
  CHECK(name.choices == std::vector<Json>{"convert", "book_hotel", "finish"});
}

TEST_CASE("a tool's failure is an observation, and does not end the run") {
  Tools failing{{"fail", "Fails.", []() -> int { throw std::runtime_error("no network"); }}};
  const ReActAgent agent(Signature::parse("question -> answer"), failing,
                         with(script({turn("Try.", "fail", "{}"), turn("Wrong args.", "fail", R"({"x": 1})"),
                                      turn("Stop.", "finish", "{}"), "Reasoning: r\nAnswer: none"})));
  const auto out = agent({{"question", "?"}});
  CHECK(out.at("trajectory").at("observation_0") == "`fail` failed: no network");
  CHECK(view(out.at("trajectory").at("observation_1").as_string()).contains("`x` is not an argument"));
}

TEST_CASE("loops end, and the outputs are taken from what was found") {
  const auto always = std::make_shared<ScriptedLM>([](const Request& request) -> std::string {
    return request.messages.back().text().contains("Next tool name") ? turn("Again.", "convert", R"({"amount": 1})")
                                                                     : answer;
  });
  auto options = with(always);
  options.limits.max_iters = 3;
  CHECK(ReAct<Travel>(tools(), options)({.request = "?"}).end() == AgentEnd::max_iters);
  options.limits = {.max_repeats = 2};
  const auto repeated = ReAct<Travel>(tools(), options)({.request = "?"});
  CHECK(repeated.end() == AgentEnd::repeated_calls);
  CHECK(repeated.trajectory().size() == 8);
  options.limits = {.max_tokens = 1};
  CHECK(ReAct<Travel>(tools(), options)({.request = "?"}).end() == AgentEnd::max_tokens);
  options.limits = {.max_nanodollars = 1};
  CHECK_THROWS_AS(ReAct<Travel>(tools(), options)({.request = "?"}), Error);
}

TEST_CASE("a run that ends with an error leaves what happened in its journal") {
  const auto journal = file("failed.jsonl");
  const auto lm = std::make_shared<ScriptedLM>(
      [](const Request&) -> std::string { throw Error(Errc::authentication_failed, "no key"); });
  CHECK_THROWS_AS(ReAct<Travel>(tools(), with(lm)).start({.request = "?"}, {.journal = journal}), Error);
  CHECK(text_of(journal).contains("begun"));
  std::filesystem::remove(journal);
}

TEST_CASE("the oldest turns are left out of prompts when the context is full") {
  int asked = 0;
  const auto lm = std::make_shared<ScriptedLM>([&](const Request& request) -> std::string {
    const auto text = request.messages.back().text();
    const bool extracts = !request.messages.back().text().contains("Next tool name");
    if (extracts) return answer;
    if (text.contains("thought_0") && text.contains("thought_2"))
      throw Error(Errc::context_too_long, "too long", {.actual = 9, .max = 8});
    ++asked;
    return asked <= 3 ? turn("Turn.", "convert", std::format(R"({{"amount": {}}})", asked))
                      : turn("Done.", "finish", "{}");
  });
  const auto out = ReAct<Travel>(tools(), with(lm))({.request = "?"});
  CHECK(out.end() == AgentEnd::finish);
  CHECK(out.trajectory().contains("thought_0"));  // the record keeps what prompts do not show
}

TEST_CASE("native calls: several at once, and outputs by submit") {
  int number = 0;
  // The second reply is refused, and the third is taken.
  auto options = with(std::make_shared<ScriptedLM>([&](const Request& request) -> Reply {
    Completion completion{.finish = FinishReason::tool_calls};
    ++number;
    if (number == 1) {
      completion.tool_calls = {{.id = "a", .name = "convert", .input = {{"amount", 1}}},
                               {.id = "b", .name = "convert", .input = {{"amount", 2}}}};
    } else if (number == 2) {
      const auto& results = request.messages.back();
      REQUIRE(results.parts.size() == 2);
      CHECK(results.parts[1].get<ToolResultPart>()->id == "b");
      completion.tool_calls = {{.id = "c", .name = "submit", .input = {{"price", "dear"}}}};
    } else {
      CHECK(request.messages.back().parts[0].get<ToolResultPart>()->is_error);
      completion.tool_calls = {{.id = "d", .name = "submit", .input = {{"price", 7}}}};
    }
    return Reply(completion);
  }));
  options.protocol = ReActOptions::Protocol::native;
  const auto out = ReAct<Travel>(tools(), options)({.request = "?"});
  CHECK(out.price == 7);
  CHECK(out.end() == AgentEnd::submit);
  CHECK(out.trajectory().at("tool_name_1") == "convert");
}

TEST_CASE("natively, a model that calls nothing is made to submit, or the run fails") {
  int number = 0;
  bool submits = true;
  auto options = with(std::make_shared<ScriptedLM>([&](const Request& request) -> Reply {
    Completion completion;
    if (number++ == 0) {
      completion.text = "I think it is 3.";
    } else {
      CHECK(request.tool_choice.mode == ToolChoice::Mode::required);
      CHECK(request.tool_choice.allowed == std::vector<std::string>{"submit"});
      if (submits) completion.tool_calls = {{.id = "x", .name = "submit", .input = {{"price", 3}}}};
    }
    return Reply(completion);
  }));
  options.protocol = ReActOptions::Protocol::native;
  const ReAct<Travel> agent(tools(), options);
  const auto out = agent({.request = "?"});
  CHECK(out.price == 3);
  CHECK(out.end() == AgentEnd::forced_submit);
  number = 0;
  submits = false;
  CHECK_THROWS_AS(agent({.request = "?"}), Error);
}

TEST_CASE("a tool that was not given cannot be called, whatever a result says") {
  int number = 0;
  auto options = with(std::make_shared<ScriptedLM>([&](const Request&) -> Reply {
    Completion completion;
    if (number++ == 0) {
      completion.tool_calls = {{.id = "a", .name = "rm_rf", .input = {{"path", "/"}}}};
    } else {
      completion.tool_calls = {{.id = "b", .name = "submit", .input = {{"price", 1}}}};
    }
    return Reply(completion);
  }));
  options.protocol = ReActOptions::Protocol::native;
  const auto out = ReAct<Travel>(tools().only({"convert"}), options)({.request = "?"});
  CHECK(view(out.trajectory().at("observation_0").as_string()).contains("there is no tool `rm_rf`"));
}

TEST_CASE("a call that needs consent waits, and the run goes on with the decision") {
  std::atomic<int> bookings = 0;
  const std::deque<std::string> first = {turn("Book.", "book_hotel", R"({"city": "Rome"})")};
  auto options = with(script(first));
  options.approval.tools = {"book_*"};
  const ReAct<Travel> asking(tools(&bookings), options);
  CHECK_THROWS_AS(asking({.request = "?"}), Error);  // nobody can be asked

  const auto path = file("approval");
  options.predictor.lm = script(first);
  const auto waiting = ReAct<Travel>(tools(&bookings), options).start({.request = "?"}, {.journal = path});
  REQUIRE_FALSE(waiting.is_done());
  CHECK(waiting.waiting[0].id == "call_0_0");
  CHECK(bookings == 0);

  options.predictor.lm = script({turn("Done.", "finish", "{}"), answer});
  const ReAct<Travel> agent(tools(&bookings), options);
  CHECK_THROWS_AS(agent.resume({.journal = path, .decisions = {{"call_9_9", Verdict::approve()}}}), Error);
  CHECK_FALSE(agent.resume({.journal = path}).is_done());
  auto done = agent.resume({.journal = path, .decisions = {{"call_0_0", Verdict::edit({{"city", "Oslo"}})}}});
  REQUIRE(done.is_done());
  CHECK(bookings == 1);
  const auto out = ReAct<Travel>::output(std::move(done));
  CHECK(out.trajectory().at("observation_0") == "booked in Oslo");
  // A run that is done stays done, and asks nobody.
  options.predictor.lm = script({});
  CHECK(ReAct<Travel>::output(ReAct<Travel>(tools(&bookings), options).resume({.journal = path})).price == 42.5);
  std::filesystem::remove(path);
}

TEST_CASE("consent asked for on a terminal") {
  std::atomic<int> bookings = 0;
  std::istringstream in("what\nn too dear\n");
  std::ostringstream out;
  auto options =
      with(script({turn("Book.", "book_hotel", R"({"city": "Rome"})"), turn("Done.", "finish", "{}"), answer}));
  options.approval = ask_user_for({"book_*"}, in, out);
  const auto result = ReAct<Travel>(tools(&bookings), options)({.request = "?"});
  CHECK(bookings == 0);
  CHECK(result.trajectory().at("observation_0") == "This call was not allowed: too dear");
  CHECK(out.str().contains("book_hotel"));
}

/// Answers by what the prompt shows, so that it does not matter where a run goes on.
std::shared_ptr<LM> stateless() {
  return std::make_shared<ScriptedLM>([](const Request& request) -> std::string {
    const auto text = request.messages.back().text();
    if (!request.messages.back().text().contains("Next tool name")) return answer;
    if (!text.contains("tool_name_0")) return turn("First.", "convert", R"({"amount": 3})");
    if (!text.contains("tool_name_1")) return turn("Second.", "book_hotel", R"({"city": "Rome"})");
    return turn("Done.", "finish", "{}");
  });
}

TEST_CASE("a run that is cut at any byte of its journal goes on to the same end, and does nothing twice") {
  std::atomic<int> bookings = 0;
  const auto options = with(stateless());
  const ReAct<Travel> agent(tools(&bookings), options);
  const auto path = file("cut");
  const auto whole = ReAct<Travel>::output(agent.start({.request = "?"}, {.journal = path}));
  REQUIRE(bookings == 1);
  const auto journal = text_of(path);
  CHECK_THROWS_AS(agent.start({.request = "?"}, {.journal = path}), Error);  // it holds a run

  std::size_t in_doubt = 0;
  for (std::size_t size = 0; size <= journal.size(); ++size) {
    {
      std::ofstream out(path, std::ios::binary | std::ios::trunc);
      out << journal.substr(0, size);
    }
    // What the journal knows to have ended is not made again.
    const auto kept = std::string_view(journal).substr(0, size).rfind('\n');
    const auto lines = kept == std::string_view::npos ? std::string() : journal.substr(0, kept + 1);
    const bool was_booked = lines.contains(R"("call":"call_1_0","outcome")");
    const bool was_begun =
        !was_booked && lines.contains(R"("kind":"started")") && lines.contains(R"("call":"call_1_0")");
    bookings = was_booked ? 1 : 0;
    if (lines.empty()) {
      CHECK_THROWS_AS(agent.resume({.journal = path}), Error);  // nothing was begun
      continue;
    }
    AgentOutcome outcome;
    if (was_begun) {
      ++in_doubt;
      CHECK_THROWS_AS(agent.resume({.journal = path}), Error);
      CHECK(bookings == 0);
      outcome = agent.resume({.journal = path, .decisions = {{"call_1_0", Verdict::approve()}}});
    } else {
      outcome = agent.resume({.journal = path});
    }
    const auto out = ReAct<Travel>::output(std::move(outcome));
    if (bookings != 1 || out.trajectory() != whole.trajectory() || out.price != whole.price) {
      CHECK_MESSAGE(bookings == 1, "cut after ", size, " bytes");
      CHECK_MESSAGE(out.trajectory() == whole.trajectory(), "cut after ", size, " bytes");
    }
  }
  CHECK(in_doubt > 0);
  std::filesystem::remove(path);
}

TEST_CASE("journals of others, of later versions and damaged ones are refused") {
  const auto path = file("refused");
  const ReAct<Travel> agent(tools(), with(stateless()));
  agent.start({.request = "?"}, {.journal = path});
  const auto journal = text_of(path);
  const ReActAgent other(Signature::parse("question -> answer"), tools(), with(stateless()));
  CHECK_THROWS_AS(other.resume({.journal = path}), Error);
  CHECK_THROWS_AS(agent.resume({.journal = file("missing")}), Error);
  auto damaged = journal;
  damaged[damaged.find("First")] = 'X';
  CHECK_THROWS_AS(parse_journal(damaged, "j"), Error);
  CHECK_THROWS_AS(parse_journal("hello\nworld\n", "j"), Error);
  // The first line as a later version would write it, with its checksum.
  auto later = journal.substr(0, journal.find('\n'));
  later = later.substr(0, later.find(R"(,"sum":")"));
  later.replace(later.find(R"("version":1)"), 11, R"("version":2)");
  later += std::format(R"(,"sum":"{:016x}"}})", hash_bytes(later));
  CHECK_THROWS_WITH_AS(parse_journal(later + "\n", "j"),
                       doctest::Contains("the journal `j` is of version 2, and this library knows 1"), Error);
  CHECK(parse_journal("", "j").events.empty());
  std::filesystem::remove(path);
}

TEST_CASE("step back, and replay against what was recorded") {
  std::atomic<int> bookings = 0;
  const auto path = file("steps"), back = file("back");
  const ReAct<Travel> agent(tools(&bookings), with(stateless()));
  agent.start({.request = "?"}, {.journal = path});
  CHECK(bookings == 1);
  step_back(path, back, 1);
  CHECK(read_journal(back).events.size() == 4);  // begun, turn, started, finished
  CHECK_THROWS_AS(step_back(path, file("no"), 9), Error);
  CHECK(agent.resume({.journal = back}).is_done());
  CHECK(bookings == 2);

  const auto replayed = agent.agent().with_tools(recorded_tools(agent.agent().tools(), read_journal(path).events));
  const auto out = replayed({{"request", "?"}});
  CHECK(bookings == 2);
  CHECK(out.at("trajectory").at("observation_1") == "booked in Rome");
  std::filesystem::remove(path);
  std::filesystem::remove(back);
}

TEST_CASE("an agent is a tool, and a program") {
  const ReActAgent inner(Signature::parse("amount: float -> answer"), tools(),
                         with(script({turn("Done.", "finish", "{}"), "Reasoning: r\nAnswer: six"})));
  Tools outer{as_tool("ask_bank", "Asks the bank.", inner)};
  const ReActAgent agent(Signature::parse("question -> answer"), outer,
                         with(script({turn("Ask.", "ask_bank", R"({"amount": 3})"), turn("Done.", "finish", "{}"),
                                      "Reasoning: r\nAnswer: it is six"})));
  const Program program = agent;
  const auto out = program({{"question", "?"}});
  CHECK(out.at("answer") == "it is six");
  CHECK(out.at("trajectory").at("observation_0") == Json({{"answer", "six"}}));
}

TEST_CASE("demonstrations of an agent's steps are bootstrapped from its runs") {
  const Program student = ReAct<Travel>(tools(), with(stateless()));
  const Training training{.trainset = {Example({{"request", "A night?"}, {"price", 42.5}}, {"request"})}};
  const auto best = BootstrapFewShot({.max_labeled_demos = 0}).compile(student, training);
  std::size_t found = 0;
  best.program.for_each_predictor([&](const std::string& path, const Predictor& predictor) {
    ++found;
    REQUIRE_MESSAGE(!predictor.demos().empty(), path);
    const auto& demo = predictor.demos().front().data;
    CHECK(demo.contains(path == "react" ? "next_tool_name" : "price"));
    CHECK(demo.contains("trajectory"));
  });
  CHECK(found == 2);
}

TEST_CASE("signatures and tools that clash with the agent's own are refused") {
  CHECK_THROWS_AS(ReActAgent(Signature::parse("trajectory -> answer"), tools()), Error);
  CHECK_THROWS_AS(ReActAgent(Signature::parse("q -> a"), Tools{{"finish", "Ends.", [] {}}}), Error);
  CHECK_THROWS_AS(ReActAgent(Signature::parse("q -> a"), tools(), {.limits = {.max_iters = 0}}), Error);
}

}  // namespace
