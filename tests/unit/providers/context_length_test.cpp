#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/providers/schemes.hpp"
#include "support.hpp"

using namespace dspy;
using namespace dspy::test;

TEST_CASE("A prompt that is sure not to fit into the window is refused without being sent, and called an estimate") {
  const Remote remote("openai", {.context_length = 100});
  CHECK(remote.lm->capabilities().context_length == 100);

  const auto reply =
      attempt([&] { return wait(remote.lm->complete({.messages = {{Role::user, std::string(4'000, 'x')}}})); });

  REQUIRE_FALSE(reply.has_value());
  CHECK(reply.error().code() == Errc::context_too_long);
  CHECK(reply.error().info().actual == 500);
  CHECK(reply.error().info().max == 100);
  CHECK(std::string_view(reply.error().what()).contains("estimated"));
  CHECK(remote.transport->requests().empty());
}

TEST_CASE("The window comes from the options, the model string or Ollama's own option") {
  CHECK_THROWS_WITH_AS(Remote("openai", {.context_length = 0}), doctest::Contains("context_length"), Error);
  const auto window = [](std::string_view name) {
    return lm_from_model_string({.scheme = "ollama", .path = "m", .options = {{std::string(name), "8192"}}})
        ->capabilities()
        .context_length;
  };
  CHECK(window("num_ctx") == 8'192);
  CHECK(window("context_length") == 8'192);
  CHECK(Remote("openai").lm->capabilities().context_length == std::nullopt);
}
