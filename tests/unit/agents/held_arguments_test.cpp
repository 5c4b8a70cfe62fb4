// What a model that is held to contracts may write as a tool's arguments.

#include "agents/loop/held_arguments.hpp"

#include "dspy/adapters/chat_adapter.hpp"
#include "dspy/adapters/json_adapter.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "support/mask/accepts.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <format>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace dspy;

Tools tools() {
  return {{"convert", "Converts money.", [](double amount) { return amount * 2; }, args("amount")},
          {"book_hotel", "Books a hotel.", [](const std::string& city) { return city; }, args("city")}};
}

/// Says that it holds replies to contracts, as a model in this process does.
class HoldingLM final : public LM {
 public:
  explicit HoldingLM(std::shared_ptr<ScriptedLM> script) : script_(std::move(script)) {}
  std::string_view model() const noexcept override { return "holding"; }
  Capabilities capabilities() const override { return {.enforces_contract = true}; }
  Async<Reply> complete(Request request) override { return script_->complete(std::move(request)); }

 private:
  std::shared_ptr<ScriptedLM> script_;
};

/// The contract of the first turn of an agent with these tools.
OutputContract contract_of(const Tools& given, std::shared_ptr<const Adapter> adapter, const std::string& turn) {
  const auto script = std::make_shared<ScriptedLM>(std::deque<std::string>{turn, "no answer"});
  const ReActAgent agent(Signature::parse("question -> answer"), given,
                         {.protocol = ReActOptions::Protocol::text,
                          .predictor = {.lm = std::make_shared<HoldingLM>(script), .adapter = std::move(adapter)}});
  static_cast<void>(attempt([&] { return agent({{"question", "?"}}); }));
  return script->requests().at(0).contract;
}

std::string fields(std::string_view tool, std::string_view arguments) {
  return std::format("Next thought: t\nNext tool name: {}\nNext tool args: {}", tool, arguments);
}

}  // namespace

TEST_CASE("in the text protocol a local model is held to the arguments of its tools") {
  const auto contract = contract_of(tools(), nullptr, fields("finish", "{}"));
  const auto mask = llama::mask::compile(contract);
  const auto may_write = [&](std::string_view tool, std::string_view arguments) {
    return test::accepts(mask, fields(tool, arguments));
  };
  CHECK(may_write("convert", R"({"amount":3.5})"));
  CHECK(may_write("book_hotel", R"({"city":"Rome"})"));
  CHECK(may_write("finish", "{}"));
  CHECK_FALSE(may_write("convert", R"({"amount":"much"})"));
  CHECK_FALSE(may_write("convert", R"({"sum":3.5})"));
  CHECK_FALSE(may_write("book_hotel", R"({"city":"Rome","nights":2})"));
  CHECK_FALSE(may_write("fly", R"({"city":"Rome"})"));
  // The demonstration's type is what replies are read by, so that a wrong call is the tool's to refuse.
  const ReActAgent agent(Signature::parse("question -> answer"), tools());
  agent.for_each_predictor([](const std::string& path, const Predictor& predictor) {
    if (path == "react") CHECK(predictor.signature().outputs.back().type.kind == Type::Kind::dict);
  });
}

TEST_CASE("the same as JSON and between markers; elements stay as they were") {
  const auto json = contract_of(tools(), std::make_shared<JsonAdapter>(),
                                R"({"next_thought": "t", "next_tool_name": "finish", "next_tool_args": {}})");
  CHECK(json.form == OutputContract::Form::json);
  CHECK(json.signature->outputs.back().type.kind == Type::Kind::union_);
  const auto marked = contract_of(tools(), std::make_shared<ChatAdapter>(), "[[ ## next_thought ## ]]\nt");
  CHECK(marked.form == OutputContract::Form::markers);
  CHECK(marked.signature->outputs.back().type.kind == Type::Kind::union_);
}

TEST_CASE("a schema that says more than a type can leaves any object open") {
  auto some = tools();
  some.add(FunctionTool({.name = "odd",
                         .description = "Takes what it likes.",
                         .parameters = {{"type", "object"}, {"patternProperties", {{"^x", {{"type", "number"}}}}}}},
                        [](JsonObject, ToolContext) -> Async<ToolOutcome> { co_return ToolOutcome{}; }));
  CHECK(arguments_of_any(some).kind == Type::Kind::dict);
  CHECK(arguments_of_any(tools()).arguments.size() == 3);
  CHECK(arguments_of_any(Tools()).kind == Type::Kind::object);
}

TEST_CASE("a model that is not held, and requests without such an output, are left alone") {
  const auto script =
      std::make_shared<ScriptedLM>(std::deque<std::string>{fields("finish", "{}"), "Reasoning: r\nAnswer: a"});
  const ReActAgent agent(Signature::parse("question -> answer"), tools(), {.predictor = {.lm = script}});
  agent({{"question", "?"}});
  CHECK(script->requests()[0].contract.signature->outputs.back().type.kind == Type::Kind::dict);

  const auto other = std::make_shared<ScriptedLM>(std::deque<std::string>{"x"});
  const auto held = held_to(other, std::make_shared<const Type>(Type::object("", {})));
  Request request{.messages = {Message(Role::user, "?")}};
  request.contract = {.form = OutputContract::Form::choices, .choices = {"x"}};
  wait(held->complete(request));
  CHECK(other->requests()[0].contract == request.contract);
}
