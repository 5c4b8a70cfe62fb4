#pragma once

// What the files of a new project say.  `@NAME@` is the project, `@IDENTIFIER@` its namespace, `@TYPE@` its struct.

namespace dspy::app::templates {

inline constexpr auto cmake = R"(cmake_minimum_required(VERSION 3.28)
project(@NAME@ LANGUAGES CXX)

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_package(dspy 0.1 REQUIRED)

add_executable(@NAME@ src/main.cpp)
target_link_libraries(@NAME@ PRIVATE dspy::dspy)

add_executable(evaluate src/evaluate.cpp)
target_link_libraries(evaluate PRIVATE dspy::dspy)

enable_testing()
add_executable(program_test tests/program_test.cpp)
target_include_directories(program_test PRIVATE src)
target_link_libraries(program_test PRIVATE dspy::dspy)
add_test(NAME program COMMAND program_test WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
)";

inline constexpr auto main =
    R"(// @NAME@ '{"input": "…"}': asks the model that dspy.toml names, and prints the outputs as JSON.

#include "program.hpp"

#include <dspy/config/config.hpp>
#include <dspy/dspy.hpp>

#include <exception>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: @NAME@ '{\"input\": \"…\"}'\n";
    return 2;
  }
  try {
    dspy::use(dspy::Config::load());
    dspy::Predict<@IDENTIFIER@::@TYPE@> program;
    dspy::load(program, "programs/@NAME@.json");
    const auto inputs = dspy::parse_json(argv[1]);
    if (!inputs || !inputs->is_object()) {
      std::cerr << "@NAME@: the inputs must be a JSON object\n";
      return 2;
    }
    const auto out = dspy::Program(program)(inputs->as_object());
    std::cout << dspy::to_pretty_text(out.data) << '\n';
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "@NAME@: " << error.what() << '\n';
    return 1;
  }
}
)";

inline constexpr auto evaluate = R"(// evaluate [FILE]: how many examples of the dataset the program answers exactly.

#include "program.hpp"

#include <dspy/config/config.hpp>
#include <dspy/dspy.hpp>

#include <exception>
#include <iostream>

int main(int argc, char** argv) {
  try {
    dspy::use(dspy::Config::load());
    dspy::Predict<@IDENTIFIER@::@TYPE@> program;
    dspy::load(program, "programs/@NAME@.json");
    const auto signature = dspy::signature_of<@IDENTIFIER@::@TYPE@>();
    const auto examples = dspy::read_dataset(argc > 1 ? argv[1] : "data/dev.jsonl", {.signature = &signature});
    // All outputs as expected.  Change it to what counts for you: docs/guide/evaluate.md of the library.
    const dspy::Metric exact("exact", [](const dspy::Example& expected, const dspy::Prediction& made) {
      return expected.outputs() == made.data;
    });
    const auto result = dspy::Evaluate({.metric = exact})(program, examples);
    std::cout << result.metric << ": " << result.score << " % of " << result.done << " examples, " << result.failures
              << " failed\n";
    return result.is_complete() ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "evaluate: " << error.what() << '\n';
    return 1;
  }
}
)";

inline constexpr auto test =
    R"(// The program without a model: it reads what a model may write, and the dataset has the program's fields.

#include "program.hpp"

#include <dspy/dspy.hpp>
#include <dspy/lm/scripted.hpp>

#include <deque>
#include <exception>
#include <iostream>
#include <memory>
#include <string>

namespace {

int failures = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  std::cerr << "failed: " << what << '\n';
  ++failures;
}

}  // namespace

int main() {
  try {
    const auto signature = dspy::signature_of<@IDENTIFIER@::@TYPE@>();
    const auto examples = dspy::read_dataset("data/dev.jsonl", {.signature = &signature});
    for (const auto& example : examples) {
      const auto reply = dspy::to_text(example.outputs());
      dspy::Predict<@IDENTIFIER@::@TYPE@> program(
          {.lm = std::make_shared<dspy::ScriptedLM>(std::deque<std::string>{reply}), .adapter = dspy::adapter("json")});
      const auto out = dspy::Program(program)(example.inputs());
      check(out.data == example.outputs(), "a reply is read as it was written");
    }
    dspy::Predict<@IDENTIFIER@::@TYPE@> program;
    dspy::load(program, "programs/@NAME@.json");
    check(program.predictor().signature().outputs.size() == signature.outputs.size(), "the program file fits");
  } catch (const std::exception& error) {
    std::cerr << "failed: " << error.what() << '\n';
    return 1;
  }
  return failures == 0 ? 0 : 1;
}
)";

inline constexpr auto toml = R"(# Models by name; `dspy` and this project's programs ask the default one.
# Without this file they ask the small model that comes with the library.
#
# default = "main"
#
# [lm.main]
# model = "openai/gpt-5.4-mini"          # or "llama:/path/to/model.gguf"
# key = {env = "OPENAI_API_KEY"}
# max_retries = 3
)";

inline constexpr auto environment =
    R"(# Copy to .env, which is never committed, and load it with: set -a; . ./.env; set +a
OPENAI_API_KEY=
)";

inline constexpr auto container =
    R"(# What `dspy serve` needs of this project, on the library's image (deploy/Containerfile of the library).
FROM dspy
COPY programs /programs
COPY dspy.toml /state/dspy.toml
CMD ["--insecure", "/programs/@NAME@.json"]
)";

inline constexpr auto ignored = "/build/\n/.env\n*.db\n*.db-shm\n*.db-wal\n";

inline constexpr auto readme = R"(# @NAME@

`@SIGNATURE@`

    cmake -B build && cmake --build build && ctest --test-dir build    # needs no model
    dspy serve programs/@NAME@.json --reload                           # POST /v1/programs/@NAME@
    build/evaluate                                                     # data/dev.jsonl has made-up rows: replace them
    dspy optimize --help                                               # better instructions and examples

| file | |
|---|---|
| `programs/@NAME@.json` | the program: instructions, demonstrations. Edit it, or let an optimizer write it |
| `src/program.hpp` | its fields as C++ types: `dspy codegen "@SIGNATURE@"` |
| `src/evaluate.cpp` | what counts as right |
| `data/` | examples to learn from, and to measure with |
| `dspy.toml` | which model is asked |
)";

inline constexpr auto metric = R"(#pragma once

#include <dspy/dspy.hpp>

/// Measures one prediction: 1 is right, 0 is wrong, and what is between may be told too.
///
///     dspy::Evaluate({.metric = @IDENTIFIER@_metric()})(program, examples);
inline dspy::Metric @IDENTIFIER@_metric() {
  return {"@IDENTIFIER@", [](const dspy::Example& expected, const dspy::Prediction& made) {
            double right = 0;
            const auto outputs = expected.outputs();
            for (const auto& [name, value] : outputs) {
              const auto* const found = made.get(name);
              if (found != nullptr && *found == value) right += 1;
            }
            return outputs.empty() ? 0.0 : right / static_cast<double>(outputs.size());
          }};
}
)";

inline constexpr auto tool = R"(#pragma once

#include <dspy/agents/tool.hpp>

#include <string>

/// Something that an agent may call.  What it throws, the model reads, and may try again.
///
///     dspy::ReAct agent("question -> answer", {@IDENTIFIER@_tool()});
inline dspy::FunctionTool @IDENTIFIER@_tool() {
  return {"@IDENTIFIER@", "Says how long a text is, in bytes.",
          [](std::string text) { return static_cast<int>(text.size()); }, dspy::args("text")};
}
)";

}  // namespace dspy::app::templates
