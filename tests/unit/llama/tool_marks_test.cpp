#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/llama/chat_template.hpp"
#include "llama/mask/contract.hpp"
#include "llama/tools/chat_request.hpp"
#include "llama/tools/tool_call_holder.hpp"
#include "llama/tools/tool_prompt.hpp"
#include "support/mask/accepts.hpp"
#include "tool_families.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

// Formats in which text is marked as such (Functionary 3.2), or calls carry ids that the model made (Mistral).

using namespace dspy;
using namespace dspy::llama;

namespace {

ChatTemplate template_of(std::string_view family) {
  const auto source =
      read_text(std::string(DSPY_TEST_DIR "/cases/chat_templates/") + std::string(family) + ".jinja", 1 << 20);
  return ChatTemplate::recognise(source,
                                 {.is_token = [](std::string_view text) { return !text.empty(); },
                                  .bos = "<s>",
                                  .eos = "</s>",
                                  .control = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "</s>"}});
}

std::string joined(const std::vector<PromptPart>& parts) {
  std::string out;
  for (const auto& part : parts) out += part.text;
  return out;
}

}  // namespace

TEST_CASE("where a prompt ends before text and calls, a reply with tools begins there, and one without has text") {
  const auto format = ToolFormat::functionary_marked();
  const auto family = template_of("functionary");
  REQUIRE(family.runs());
  CHECK(family.abilities().tools);
  CHECK(family.abilities().tool_calls);

  auto parts = family.render({{Role::user, "Hi"}});
  CHECK(take_opened(parts, format, false).empty());
  CHECK(joined(parts).ends_with("<|end_header_id|>\n\n>>>all\n"));

  parts = family.render({{Role::user, "Hi"}});
  const auto opened = take_opened(parts, format, true);
  CHECK(opened == ">>>");
  CHECK(joined(parts).ends_with("<|end_header_id|>\n\n"));
  CHECK(begin_of_reply(opened, {}, false, format) == ">>>");
  CHECK(begin_of_reply(opened, {.text = "So"}, false, format) == ">>>all\nSo");

  std::vector<PromptPart> thoughts = {{.text = "assistant\n<think>\n"}};
  CHECK(take_opened(thoughts, ToolFormat::tagged(), true) == "<think>\n");
}

TEST_CASE("marked text is told without its mark, however a stream is cut, and points in it move with it") {
  const auto contract = test::contract_of(ToolFormat::functionary_marked());
  Completion completion;
  completion.text = ">>>all\nI look.>>>now\n{}";
  completion.resume_points = {{.offset = 3}, {.offset = 9}, {.offset = 20}};
  take_tool_calls(completion, contract, 1);
  CHECK(completion.text == "I look.");
  CHECK(completion.tool_calls.size() == 1);
  REQUIRE(completion.resume_points.size() == 1);
  CHECK(completion.resume_points[0].offset == 2);

  struct Case {
    std::string_view reply, text;
    bool has_calls;
  };
  for (const auto& [reply, text, has_calls] : std::vector<Case>{{">>>all\nI > look.>>>now\n{}", "I > look.", true},
                                                                {">>>now\n{}", "", true},
                                                                {">>>all\nHello", "Hello", false},
                                                                {">>>all\n", "", false},
                                                                {"Hello >>", "Hello >>", false}}) {
    for (std::size_t size = 1; size <= reply.size(); ++size) {
      CAPTURE(reply);
      std::string told;
      const auto tell = [&](std::string_view piece) { told += piece; };
      ToolCallHolder holder(contract.format);
      for (std::size_t at = 0; at < reply.size(); at += size) holder.push(reply.substr(at, size), tell);
      holder.finish(has_calls, tell);
      CHECK(told == text);
    }
  }
}

TEST_CASE("beside a held reply, marked text has the contract's form") {
  const auto contract = test::contract_of(ToolFormat::functionary_marked());
  const auto grammar = mask::compile({.form = OutputContract::Form::choices, .choices = {"yes", "no"}}, &contract);
  CHECK(test::accepts(grammar, ">>>all\nyes"));
  CHECK(test::accepts(grammar, ">>>now\n{}"));
  CHECK_FALSE(test::accepts(grammar, "yes"));
  CHECK_FALSE(test::accepts(grammar, ">>>all\nmaybe"));
}

TEST_CASE("a tool with the name that marks text is refused before anything is asked") {
  Request request;
  request.tools = {{.name = "all", .description = {}, .parameters = {}}};
  const auto refused = attempt([&] { return tool_contract_of(request, ToolFormat::functionary_marked()); });
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == Errc::invalid_parameter);
  CHECK(std::string_view(refused.error().what()).contains("rename it"));
  CHECK(tool_contract_of(request, ToolFormat::tagged()) != nullptr);
}

TEST_CASE("an id that a model made is the call's own, and goes back as it is") {
  const auto contract = test::contract_of(ToolFormat::mistral_ids());
  const auto read = test::taken(
      "[TOOL_CALLS]now[CALL_ID]a1B2c3D4e[ARGS]{}[TOOL_CALLS]now[CALL_ID]a1B2c3D4e[ARGS]{}[TOOL_CALLS]now[ARGS]{}",
      contract);
  REQUIRE(read.tool_calls.size() == 3);
  CHECK(read.tool_calls[0].id == "a1B2c3D4e");
  CHECK(read.tool_calls[1].id == "call_2");
  CHECK(read.tool_calls[2].id == "call_3");

  const Chat chat = {{Role::user, "Now?"},
                     {Role::assistant, {read.tool_calls[0]}},
                     {Role::tool, {ToolResultPart{.id = "a1B2c3D4e", .name = "now", .content = {TextPart{"Noon"}}}}}};
  const auto prompt = joined(template_of("mistral_ids").render(chat, {.tools = contract.tools}));
  CHECK(prompt.contains("[TOOL_CALLS]now[CALL_ID]a1B2c3D4e[ARGS]{}</s>"));
  CHECK(prompt.contains("[TOOL_RESULTS]a1B2c3D4e[TOOL_CONTENT]Noon"));

  const auto grammar = mask::compile({}, &contract);
  CHECK_FALSE(test::accepts(grammar, "[TOOL_CALLS]now[CALL_ID]a1B2c3D4[ARGS]{}"));
  CHECK_FALSE(test::accepts(grammar, "[TOOL_CALLS]now[CALL_ID]a1B2c-D4e[ARGS]{}"));
}

TEST_CASE("results of tools are written in the family's own fence") {
  const ToolResultPart result{.id = "1", .name = "now", .content = {TextPart{"Noon"}}};
  CHECK(with_tools_as_text({{Role::tool, {result}}}, nullptr, ToolFormat::gemma())[0].text() ==
        "```tool_output\nNoon\n```");
  const auto contract = test::contract_of(ToolFormat::gemma());
  CHECK(with_tools_as_text({{Role::user, "Hi"}}, &contract, contract.format)[0].text().contains(
      "```tool_code\n<name>(<argument>=<value>, ...)\n```"));
}
