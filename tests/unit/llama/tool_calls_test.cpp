#include "llama/tools/tool_calls.hpp"

#include "dspy/base/error.hpp"
#include "llama/tools/tool_call_holder.hpp"
#include "llama/tools/tool_prompt.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

using namespace dspy;
using namespace dspy::llama;
using test::error_of;

namespace {

ToolContract contract_of(ToolFormat format = ToolFormat::tagged()) {
  return {.format = std::move(format),
          .tools = {{.name = "add", .description = "Adds two numbers.", .parameters = {{"type", "object"}}},
                    {.name = "now", .description = "Tells the time.", .parameters = {}}}};
}

Completion taken(std::string text, const ToolContract& contract, FinishReason finish = FinishReason::stop) {
  Completion completion;
  completion.text = std::move(text);
  completion.finish = finish;
  take_tool_calls(completion, contract, 3);
  return completion;
}

}  // namespace

TEST_CASE("the format of calls is what a model's chat template shows") {
  CHECK(ToolFormat::recognise("… <tool_call> … ") == ToolFormat::tagged());
  CHECK(ToolFormat::recognise("<|start_header_id|> … \"parameters\"") == ToolFormat::bare());
  CHECK_FALSE(ToolFormat::recognise("<|im_start|>").native);
  CHECK_FALSE(ToolFormat::recognise("<tool_call><function=x>").native);
}

TEST_CASE("calls at a reply's end are taken from its text, each with an id of its own") {
  const auto completion = taken(
      "I look.\n<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>\n"
      "<tool_call>{\"name\": \"now\", \"arguments\": {}}</tool_call>",
      contract_of());

  CHECK(completion.text == "I look.");
  REQUIRE(completion.tool_calls.size() == 2);
  CHECK(completion.tool_calls[0] == ToolCallPart{.id = "call_3", .name = "add", .input = {{"a", 1}}});
  CHECK(completion.tool_calls[1] == ToolCallPart{.id = "call_4", .name = "now", .input = {}});
  CHECK(completion.finish == FinishReason::tool_calls);
}

TEST_CASE("a bare object is a call only if it has the form of one") {
  const auto contract = contract_of(ToolFormat::bare());

  CHECK(taken(R"({"name": "now", "parameters": {}})", contract).tool_calls.size() == 1);
  CHECK(taken(R"({"answer": 3})", contract).tool_calls.empty());
  CHECK(taken("It is noon.", contract).text == "It is noon.");
}

TEST_CASE("a call that cannot be read is an error and no text") {
  struct Case {
    std::string_view reply, says;
    FinishReason finish = FinishReason::stop;
  };
  for (const auto& [reply, says, finish] : std::vector<Case>{
           {"<tool_call>{\"name\": \"sub\", \"arguments\": {}}</tool_call>", "the tool `sub` was not offered"},
           {"<tool_call>{\"arguments\": {}}</tool_call>", "it has no `name`"},
           {"<tool_call>{\"name\": \"now\"}</tool_call>", "it has no object `arguments`"},
           {"<tool_call>[1]</tool_call>", "it is not an object"},
           {"<tool_call>now()</tool_call>", "cannot be read"},
           {"<tool_call>{\"name\": \"now\", \"arguments\": {}}</tool_call> So!", "there is text after the calls"},
           {"<tool_call>{\"name\": \"no", "raise max_tokens", FinishReason::length},
       }) {
    CAPTURE(reply);
    const auto error = error_of([&] { taken(std::string(reply), contract_of(), finish); });
    CHECK(error.code() == Errc::parse_error);
    CHECK(std::string_view(error.what()).contains(says));
    CHECK(error.info().raw == reply);
  }
}

TEST_CASE("a required call that is missing is an error") {
  auto contract = contract_of();
  contract.required = true;

  CHECK(error_of([&] { taken("No.", contract); }).code() == Errc::parse_error);
}

TEST_CASE("however a stream is cut, text comes whole and no piece of a call with it") {
  struct Case {
    ToolFormat format;
    std::string_view reply, text;
    bool has_calls;
  };
  for (const auto& [format, reply, text, has_calls] : std::vector<Case>{
           {ToolFormat::tagged(), "Look: <tool>\n<tool_call>\n{}\n</tool_call>", "Look: <tool>", true},
           {ToolFormat::tagged(), "<tool_call>\n{}", "", true},
           {ToolFormat::tagged(), "no call <tool_cal", "no call <tool_cal", false},
           {ToolFormat::tagged(), "ends blank \n", "ends blank \n", false},
           {ToolFormat::bare(), "{\"name\": 1}", "", true},
           {ToolFormat::bare(), "{\"a\": 1}", "{\"a\": 1}", false},
           {ToolFormat::bare(), " It is {1}", " It is {1}", false},
       }) {
    for (std::size_t size = 1; size <= reply.size(); ++size) {
      CAPTURE(reply);
      CAPTURE(size);
      std::string told;
      const auto tell = [&](std::string_view piece) { told += piece; };
      ToolCallHolder holder(format);
      for (std::size_t at = 0; at < reply.size(); at += size) holder.push(reply.substr(at, size), tell);
      holder.finish(has_calls, tell);
      CHECK(told == text);
    }
  }
}

TEST_CASE("tools, calls and results are written into the conversation as text") {
  const auto contract = contract_of();
  const Chat chat = {
      {Role::system, "Be brief."},
      {Role::user, "1 + 2?"},
      {Role::assistant, {TextPart{"I add."}, ToolCallPart{.id = "call_1", .name = "add", .input = {{"a", 1}}}}},
      {Role::tool, {ToolResultPart{.id = "call_1", .name = "add", .content = {TextPart{"3"}}}}},
      {Role::tool, {ToolResultPart{.id = "x", .name = "now", .content = {TextPart{"gone"}}, .is_error = true}}}};
  const auto text = with_tools_as_text(chat, &contract, contract.format);

  REQUIRE(text.size() == 4);
  CHECK(text[0].text().starts_with("Be brief.\n\nYou can call these tools:\n<tools>\n{\"type\":\"function\""));
  CHECK(text[0].text().contains(R"("name":"now","description":"Tells the time.")"));
  CHECK(text[2].text() == "I add.\n<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\":1}}\n</tool_call>");
  CHECK(text[3].role == Role::tool);
  CHECK(text[3].text() == "<tool_response>\n3\n</tool_response>\n<tool_response>\nError: gone\n</tool_response>");
  CHECK_FALSE(has_tool_parts(text));
  CHECK(with_tools_as_text({{Role::user, "Hi"}}, &contract, contract.format)[0].role == Role::system);
}

TEST_CASE("a result that is not text is refused") {
  const Chat chat = {{Role::tool, {ToolResultPart{.id = "1", .name = "draw", .content = {MediaPart{}}}}}};

  CHECK(error_of([&] { static_cast<void>(with_tools_as_text(chat, nullptr, ToolFormat::tagged())); }).code() ==
        Errc::unsupported);
}

TEST_CASE("what a request offers is checked") {
  const auto format = ToolFormat::tagged();
  Request request{.messages = {{Role::user, "Hi"}}};
  CHECK(tool_contract_of(request, format) == nullptr);
  request.tools = contract_of().tools;
  CHECK(tool_contract_of(request, format)->tools.size() == 2);
  request.tool_choice = {.mode = ToolChoice::Mode::required, .allowed = {"now"}, .parallel = false};
  const auto contract = tool_contract_of(request, format);
  CHECK(contract->tools.size() == 1);
  CHECK(contract->required);
  CHECK_FALSE(contract->several);
  request.tool_choice.mode = ToolChoice::Mode::none;
  CHECK(tool_contract_of(request, format) == nullptr);
  request.tool_choice.allowed = {"sub"};
  CHECK(error_of([&] { tool_contract_of(request, format); }).code() == Errc::invalid_parameter);
  request.tool_choice = {};
  request.tools.push_back(request.tools[0]);
  CHECK(error_of([&] { tool_contract_of(request, format); }).code() == Errc::invalid_parameter);
  request.tools = {{.builtin = "web_search"}};
  CHECK(error_of([&] { tool_contract_of(request, format); }).code() == Errc::unsupported);
}
