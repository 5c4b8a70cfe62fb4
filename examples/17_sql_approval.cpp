// An agent that can read a database freely, but change it only with a person's consent.  Here the
// person is a stream with two answers; pass `std::cin` and `std::cout` to ask on the terminal.

#include <dspy/agents/react.hpp>
#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>

#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>
#include <string>

namespace {

/// Stands in for a database.
std::map<std::string, int> stock = {{"desks", 3}, {"chairs", 8}};

dspy::Json query(const std::string& table) {
  const auto found = stock.find(table);
  return found == stock.end() ? dspy::Json() : dspy::Json(found->second);
}

std::string update(const std::string& table, int count) {
  stock[table] = count;
  return "updated";
}

std::string turn(const std::string& thought, const std::string& tool, const std::string& arguments) {
  return "Next thought: " + thought + "\nNext tool name: " + tool + "\nNext tool args: " + arguments;
}

}  // namespace

int main() {
  const auto model = std::make_shared<dspy::ScriptedLM>(std::deque<std::string>{
      turn("How many are there?", "query", R"({"table": "desks"})"),
      turn("All must go.", "update", R"({"table": "desks", "count": 0})"),
      turn("One less, then.", "update", R"({"table": "desks", "count": 2})"), turn("Done.", "finish", "{}"),
      "Reasoning: The count was changed.\nReport: There are two desks now."});
  std::istringstream person("n only one was sold\ny\n");

  const dspy::ReAct agent(
      "task -> report",
      {{"query", "How much of something there is.", query, dspy::args("table"), {.idempotent = true}},
       {"update", "Changes a count.", update, dspy::args("table", "count")}},
      {.approval = dspy::ask_user_for({"update"}, person, std::cout), .predictor = {.lm = model}});
  const auto out = agent({{"task", "A desk was sold."}});

  std::cout << '\n' << dspy::view(out.at("report").as_string()) << "\ndesks: " << stock["desks"] << '\n';
}
