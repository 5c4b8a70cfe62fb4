// Named models in a configuration file, with the location of their keys and their middleware.  A
// program only uses the name.  The provider is the local mock provider.

#include <dspy/config/config.hpp>
#include <dspy/dspy.hpp>
#include <mock_provider/mock_provider.hpp>

#include <cstdlib>
#include <format>
#include <iostream>
#include <memory>
#include <string>

namespace {

void ask(const char* name, const std::shared_ptr<dspy::LM>& lm) {
  const dspy::Predict capital("country -> answer", {.lm = lm});
  const auto out = dspy::attempt([&] { return capital({{"country", "France"}}); });
  std::cout << name << ": " << (out ? dspy::view(out->at("answer").as_string()) : dspy::to_string(out.error().code()))
            << '\n';
}

}  // namespace

int main() {
  dspy::mock::MockProvider provider({.wishes = {{"reply", "Answer: Paris"}}, .required_key = "sk-for-this-example"});
  ::setenv("EXAMPLE_KEY", "sk-for-this-example", 1);

  // As a file: `dspy.toml` in this folder or one above it, read by `dspy::Config::load()`.
  const auto config = dspy::Config::parse(std::format(R"(
default = "careful"

[lm.fast]
model = "openai/small"
base_url = "{0}"
api_key_env = "EXAMPLE_KEY"
options = {{temperature = 0}}

[lm.careful]
model = "anthropic/large"
base_url = "{1}"
api_key_env = "EXAMPLE_KEY"
max_retries = 2
initial_backoff_ms = 1
fallbacks = ["fast"]

[lm.thrifty]
model = "openai/small"
base_url = "{0}"
api_key_env = "EXAMPLE_KEY"
max_requests = 1
)",
                                                      provider.url("/v1"), provider.url()));

  ask("fast", config.lm("fast"));
  for (int i = 0; i < 2; ++i) ask("thrifty", config.lm("thrifty"));

  // The named model is overloaded, so its fallback answers.
  provider.next({{"status", "529"}});
  ask("careful", config.lm("careful"));
  for (const auto& request : provider.requests()) std::cout << "  asked " << request.path << '\n';

  dspy::use(config);  // its default becomes the process's
  const dspy::Predict capital("country -> answer");
  std::cout << "by default: " << dspy::view(capital({{"country", "France"}}).at("answer").as_string()) << '\n';

  const auto wrong =
      dspy::attempt([] { return dspy::Config::parse("[lm.fast]\nmodel = \"openai/small\"\nretires = 2\n"); });
  std::cout << wrong.error().what() << '\n';
}
