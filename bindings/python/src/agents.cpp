#include "dspy/agents/program_of_thought.hpp"
#include "dspy/agents/react.hpp"
#include "dspy/agents/rlm.hpp"
#include "dspy/agents/tools.hpp"
#include "json.hpp"
#include "lm.hpp"
#include "predictor.hpp"
#include "program.hpp"
#include "waiting.hpp"

#include <nanobind/stl/string.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace dspy::python {
namespace {

/// A tool that is a Python function: `{"name", "description", "parameters", "function", "idempotent", "timeout"}`, as
/// `dspy_cpp._tools.described` makes one of a function.
FunctionTool to_tool(nb::handle tool) {
  const nb::object described = nb::module_::import_("dspy_cpp._tools").attr("described")(tool);
  ToolDefinition definition{.name = nb::cast<std::string>(described["name"]),
                            .description = nb::cast<std::string>(described["description"]),
                            .parameters = to_json_object(described["parameters"], "a tool's parameters")};
  ToolOptions options{.idempotent = nb::cast<bool>(described["idempotent"])};
  const nb::object timeout = described["timeout"];
  if (!timeout.is_none())
    options.timeout =
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(nb::cast<double>(timeout)));
  return {std::move(definition),
          [held = Held(described["function"])](const JsonObject& arguments, const ToolContext&) -> Async<ToolOutcome> {
            return [](Held function, JsonObject given) -> Async<ToolOutcome> {
              ToolOutcome outcome;
              co_await on_python_thread([&] {
                outcome =
                    with_python([&]() -> ToolOutcome { return {.value = to_json(function.get()(to_python(given)))}; });
              });
              co_return outcome;
            }(held, arguments);
          },
          options};
}

Tools to_tools(nb::handle tools) {
  Tools out;
  for (const auto tool : nb::borrow<nb::object>(tools)) out.add(to_tool(tool));
  return out;
}

PyProgram react(nb::handle signature, nb::handle tools, const nb::kwargs& settings) {
  const auto asked = to_signature(signature);
  ReActOptions options;
  nb::kwargs rest;
  for (const auto& [key, value] : settings) {
    const auto name = nb::cast<std::string>(key);
    if (name == "max_iters") {
      options.limits.max_iters = nb::cast<int>(value);
    } else if (name == "protocol") {
      const auto which = nb::cast<std::string>(value);
      if (which != "auto" && which != "text" && which != "native")
        throw Error(Errc::invalid_parameter, "`" + which + "` is not a protocol; there are auto, text and native");
      if (which != "auto")
        options.protocol = which == "text" ? ReActOptions::Protocol::text : ReActOptions::Protocol::native;
    } else {
      rest[key] = value;
    }
  }
  options.predictor = to_predictor_options(rest);
  return {.value = Program(ReActAgent(*asked.value, to_tools(tools), std::move(options))),
          .converters = asked.converters};
}

PyProgram program_of_thought(nb::handle signature, int max_iters, const nb::kwargs& settings) {
  const auto asked = to_signature(signature);
  ProgramOfThoughtOptions options{.max_iterations = max_iters, .predictor = to_predictor_options(settings)};
  return {.value = Program(ProgramOfThought(*asked.value, std::move(options))), .converters = asked.converters};
}

PyProgram code_act(nb::handle signature, nb::handle tools, int max_iters, const nb::kwargs& settings) {
  const auto asked = to_signature(signature);
  CodeActOptions options{.max_iterations = max_iters, .predictor = to_predictor_options(settings)};
  return {.value = Program(CodeAct(*asked.value, to_tools(tools), std::move(options))), .converters = asked.converters};
}

PyProgram rlm(nb::handle signature, nb::handle tools, const nb::kwargs& settings) {
  const auto asked = to_signature(signature);
  RLMOptions options;
  nb::kwargs rest;
  for (const auto& [key, value] : settings) {
    const auto name = nb::cast<std::string>(key);
    if (name == "max_iterations") {
      options.max_iterations = nb::cast<int>(value);
    } else if (name == "max_llm_calls") {
      options.max_llm_calls = nb::cast<int>(value);
    } else if (name == "max_output_chars") {
      options.max_output = nb::cast<std::size_t>(value);
    } else if (name == "sub_lm") {
      options.sub_lm = to_lm(value);
    } else {
      rest[key] = value;
    }
  }
  options.predictor = to_predictor_options(rest);
  return {.value = Program(RLM(*asked.value, std::move(options), to_tools(tools))), .converters = asked.converters};
}

}  // namespace

void bind_agents(nb::module_& m) {
  m.def("_react", &react, nb::arg("signature"), nb::arg("tools"), nb::arg("settings"));
  m.def("_program_of_thought", &program_of_thought, nb::arg("signature"), nb::arg("max_iters"), nb::arg("settings"));
  m.def("_code_act", &code_act, nb::arg("signature"), nb::arg("tools"), nb::arg("max_iters"), nb::arg("settings"));
  m.def("_rlm", &rlm, nb::arg("signature"), nb::arg("tools"), nb::arg("settings"));
}

}  // namespace dspy::python
