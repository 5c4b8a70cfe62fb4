// A chat template, and behind a zero byte a conversation: whatever they are, it renders within its limits or says what
// is wrong, and what the conversation says stays what was given.

#include "dspy/base/error.hpp"
#include "llama/jinja/program.hpp"
#include "llama/jinja/values/value.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dspy::llama::jinja;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto zero = std::min(input.find('\0'), input.size());
  const auto said = std::string(input.substr(std::min(zero + 1, input.size())));
  try {
    const Program program(input.substr(0, zero));
    Dict message;
    message.set(Value::own("role"), Value::own("user"));
    message.set(Value::own("content"), Value::given(said));
    List messages = {message};
    Program::Variables variables = {{"messages", Value(std::move(messages))}, {"add_generation_prompt", Value(true)}};
    const auto text = program.render(std::move(variables), [] { return std::chrono::system_clock::time_point(); },
                                     {.work = 100'000, .bytes = 1 << 20, .depth = 100});
    std::size_t end = 0;
    for (const auto& span : text.given()) {
      if (span.begin < end || span.end <= span.begin || span.end > text.size()) std::abort();
      end = span.end;
    }
  } catch (const dspy::Error& error) {
    if (error.code() != dspy::Errc::config_error && error.code() != dspy::Errc::invalid_parameter) std::abort();
  }
  return 0;
}
