// Small worlds with a scripted model, judged as tau-bench does: what the agent did to the world must be what the right
// calls do to it, and its answer must say what was asked for.

#include "dspy/agents/react.hpp"
#include "dspy/agents/tools.hpp"
#include "dspy/base/json.hpp"
#include "dspy/evaluate/metrics/function_calls.hpp"
#include "dspy/lm/scripted.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <format>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

using Answer = std::expected<std::string, std::string>;

/// What tools change.  Two worlds are the same if their state is.
struct World {
  JsonObject state;
};

/// Orders that may be cancelled while they are open, and stock that comes back.
Tools shop(const std::shared_ptr<World>& world) {
  world->state =
      *parse_json(R"({"orders": {"17": {"item": "desk", "state": "open"}, "18": {"item": "lamp", "state": "sent"}},
                                 "stock": {"desk": 3, "lamp": 0}})")
           ->if_object();
  return {{"order",
           "Shows an order.",
           [world](const std::string& id) -> Answer {
             const auto* const found = world->state.at("orders").as_object().if_contains(id);
             if (found == nullptr) return std::unexpected("there is no order " + id);
             return to_text(*found);
           },
           args("id"),
           {.idempotent = true}},
          {"cancel", "Cancels an open order.",
           [world](const std::string& id) -> Answer {
             auto* const found = world->state.at("orders").as_object().if_contains(id);
             if (found == nullptr || found->at("state") != "open") return std::unexpected("it is not open");
             found->as_object()["state"] = "cancelled";
             auto& left = world->state.at("stock").as_object().at(found->at("item").as_string());
             left = left.to_number<std::int64_t>() + 1;
             return "cancelled";
           },
           args("id")}};
}

/// Money that only moves where there is enough of it.
Tools bank(const std::shared_ptr<World>& world) {
  world->state = {{"ada", 100}, {"bob", 20}};
  return {{"balance",
           "Of an account.",
           [world](const std::string& owner) { return world->state.at(owner); },
           args("owner"),
           {.idempotent = true}},
          {"transfer", "Moves money.",
           [world](const std::string& from, const std::string& to, std::int64_t amount) -> Answer {
             const auto has = world->state.at(from).to_number<std::int64_t>();
             if (amount <= 0 || amount > has) return std::unexpected("there is not enough");
             world->state[from] = has - amount;
             world->state[to] = world->state.at(to).to_number<std::int64_t>() + amount;
             return "done";
           },
           args("from", "to", "amount")}};
}

struct Step {
  std::string tool, arguments;
};
struct Task {
  Tools (*world)(const std::shared_ptr<World>&);
  std::string request;
  std::vector<Step> right;        ///< What should be done.
  std::vector<std::string> says;  ///< What the answer has to contain.
  std::string answer;             ///< Of the scripted model.
};

/// Follows its steps, then answers.
std::shared_ptr<LM> scripted(std::vector<Step> steps, std::string answer) {
  return std::make_shared<ScriptedLM>([steps = std::move(steps), answer = std::move(answer)](const Request& request) {
    const auto prompt = request.messages.back().text();
    if (!prompt.contains("Next tool name")) return "Reasoning: r\nAnswer: " + answer;
    std::size_t turn = 0;
    while (prompt.contains(std::format("observation_{}:", turn))) ++turn;
    if (turn >= steps.size()) return std::string("Next thought: t\nNext tool name: finish\nNext tool args: {}");
    return std::format("Next thought: t\nNext tool name: {}\nNext tool args: {}", steps[turn].tool,
                       steps[turn].arguments);
  });
}

bool passes(const Task& task, const std::vector<Step>& steps, std::string_view answer) {
  const auto expected = std::make_shared<World>(), world = std::make_shared<World>();
  const auto gold = task.world(expected);
  for (const auto& step : task.right) REQUIRE_FALSE((*gold.find(step.tool))(Json(step.arguments)).is_error);
  const ReActAgent agent(Signature::parse("request -> answer"), task.world(world),
                         {.protocol = ReActOptions::Protocol::text,
                          .limits = {.max_iters = 6},
                          .predictor = {.lm = scripted(steps, std::string(answer))}});
  const auto out = agent({{"request", task.request}});
  if (to_text(Json(world->state)) != to_text(Json(expected->state))) return false;
  for (const auto& needed : task.says)
    if (!view(out.at("answer").as_string()).contains(needed)) return false;
  return true;
}

const std::vector<Task> tasks = {
    {shop,
     "Cancel order 17.",
     {{"order", R"({"id": "17"})"}, {"cancel", R"({"id": "17"})"}},
     {"17"},
     "Order 17 is cancelled."},
    {shop, "Cancel order 18.", {}, {"sent"}, "Order 18 was sent, and cannot be cancelled."},
    {bank,
     "Give Bob 30 of Ada's.",
     {{"transfer", R"({"from": "ada", "to": "bob", "amount": 30})"}},
     {"50"},
     "Bob has 50."}};

}  // namespace

TEST_CASE("an agent that does the right thing leaves each world as it should be") {
  for (const auto& task : tasks) {
    CAPTURE(task.request);
    CHECK(passes(task, task.right, task.answer));
  }
  // What a tool refuses changes nothing, and the agent goes on.
  CHECK(passes(tasks[1], {{"cancel", R"({"id": "18"})"}}, tasks[1].answer));
  CHECK(passes(tasks[2], {{"transfer", R"({"from": "ada", "to": "bob", "amount": 3000})"}, tasks[2].right[0]},
               tasks[2].answer));
}

TEST_CASE("an agent that does too much, too little, or says too little fails its task") {
  CHECK_FALSE(passes(tasks[0], {}, tasks[0].answer));
  CHECK_FALSE(passes(tasks[0], tasks[0].right, "Done."));
  CHECK_FALSE(passes(tasks[1], {{"cancel", R"({"id": "17"})"}}, tasks[1].answer));
  CHECK_FALSE(passes(tasks[2], {tasks[2].right[0], tasks[2].right[0]}, tasks[2].answer));
  CHECK_FALSE(passes(tasks[2], {{"transfer", R"({"from": "bob", "to": "ada", "amount": 10})"}}, tasks[2].answer));
}

TEST_CASE("trials of an unreliable agent are counted as tau-bench counts them") {
  // It forgets the call in two trials of five.
  std::uint64_t right = 0;
  for (int trial = 0; trial < 5; ++trial)
    right += passes(tasks[2], trial % 2 == 0 ? tasks[2].right : std::vector<Step>(), tasks[2].answer);
  REQUIRE(right == 3);
  CHECK(pass_hat_k(5, right, 1) == doctest::Approx(0.6));
  CHECK(pass_hat_k(5, right, 2) == doctest::Approx(0.3));
  CHECK(pass_hat_k(5, right, 4) == 0);
}
