#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "llama/mask/contract.hpp"
#include "llama/tools/element_arguments.hpp"
#include "support/mask/accepts.hpp"
#include "tool_families.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace dspy;
using namespace dspy::llama;
using test::taken;

TEST_CASE("arguments that are elements are read by the tool's schema, and by nothing else") {
  const auto parameters = parse_json(R"({"type":"object","properties":{
      "text":{"type":"string"},"count":{"type":"integer"},"unit":{"enum":["C","F",3]},
      "tags":{"type":"array","items":{"type":"string"}},"any":{},"maybe":{"type":["string","null"]}},
      "required":["text"],"additionalProperties":false})");
  for (const auto& format : {ToolFormat::glm(), ToolFormat::qwen_coder()}) {
    const ToolContract contract{.format = format,
                                .tools = {{.name = "f", .description = {}, .parameters = parameters->as_object()}},
                                .required = true};
    const auto grammar = mask::compile({}, &contract);
    const JsonObject input = {{"text", " 12\n"},          {"count", 3}, {"unit", "F"},
                              {"tags", JsonArray{"a<b"}}, {"any", 1.5}, {"maybe", nullptr}};
    const auto call = [&](const std::string& elements) { return format.head("f").first + elements + format.tail(); };
    const auto reply = call(write_elements(input, format));
    CAPTURE(reply);
    CHECK(test::accepts(grammar, reply));
    CHECK(taken(reply, contract).tool_calls.at(0).input == input);
    CHECK_FALSE(test::accepts(grammar, call(write_elements({{"count", 3}}, format))));
    CHECK_FALSE(test::accepts(grammar, call(write_elements({{"text", "x"}, {"count", "three"}}, format))));
    CHECK_FALSE(test::accepts(grammar, call(write_elements({{"text", "x"}, {"unit", "K"}}, format))));
    for (const auto& wrong : {write_elements({{"count", "three"}}, format),
                              write_elements({{"text", "x"}}, format) + write_elements({{"text", "y"}}, format),
                              format.key_before + "text", format.key_before + "text" + format.key_after + "x"}) {
      CAPTURE(wrong);
      CHECK(attempt([&] { return taken(call(wrong), contract); }).error().code() == Errc::parse_error);
    }
  }
}
