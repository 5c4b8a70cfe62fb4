#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "llama/jinja/program.hpp"
#include "llama/jinja/values/value.hpp"
#include "llama/jinja/values/work.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string_view>

namespace dspy::llama::jinja {
namespace {

namespace fs = std::filesystem;

// What jinja2 writes of them is in the files (tools/chat_templates.py).
TEST_CASE("templates of all families write what jinja2 writes, and refuse what it refuses") {
  const auto noon = std::chrono::sys_days(std::chrono::year(2026) / 3 / 9) + std::chrono::hours(12);
  std::size_t templates = 0;
  for (const auto& entry : fs::directory_iterator(DSPY_TEST_DIR "/cases/chat_templates")) {
    if (entry.path().extension() != ".jinja") continue;
    ++templates;
    const Program program(read_text(entry.path(), 1 << 20));
    const auto cases = *parse_json(read_text(fs::path(entry.path()).replace_extension(".json"), 1 << 20));
    std::size_t number = 0;
    for (const auto& each : cases.as_array()) {
      CAPTURE(entry.path().filename().string());
      CAPTURE(number);
      ++number;
      Program::Variables variables = {
          {"add_generation_prompt", true}, {"bos_token", Value::own("<s>")}, {"eos_token", Value::own("</s>")}};
      for (const auto& [name, value] : each.as_object()) {
        if (name == "rendered") continue;
        std::erase_if(variables, [&](const auto& variable) { return variable.first == std::string_view(name); });
        variables.emplace_back(name, Value::from(value));
      }
      const auto rendered = attempt([&] { return program.render(variables, [&] { return noon; }).bytes(); });
      const auto& wanted = each.at("rendered");
      if (wanted.is_null()) {
        REQUIRE_FALSE(rendered.has_value());
        continue;
      }
      REQUIRE_MESSAGE(rendered.has_value(), rendered.error().what());
      CHECK(*rendered == view(wanted.as_string()));
    }
  }
  CHECK(templates >= 10);
}

}  // namespace
}  // namespace dspy::llama::jinja
