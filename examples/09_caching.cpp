// Cached replies, in memory and in a file that later programs find.  The provider is the local mock
// provider, which counts its requests.

#include <dspy/dspy.hpp>
#include <mock_provider/mock_provider.hpp>

#include <filesystem>
#include <iostream>
#include <memory>
#include <utility>
#include <vector>

namespace {

dspy::Request question(const char* text) {
  return {.messages = {dspy::Message(dspy::Role::user, text)}};
}

void tell(const char* what, const dspy::Reply& reply) {
  std::cout << what << ": from " << dspy::to_string(reply.handling->source) << ", " << *reply.usage.prompt_tokens
            << " prompt tokens billed\n";
}

}  // namespace

int main() {
  const auto folder = std::filesystem::temp_directory_path() / "dspy-caching-example";
  std::filesystem::remove_all(folder);
  const dspy::mock::MockProvider provider({.wishes = {{"reply", "Paris"}}});
  const auto model = dspy::lm("compatible/any?base_url=" + provider.url("/v1"));

  {
    const auto lm = dspy::cached({.directory = folder.string()})(model);
    tell("the first time", dspy::wait(lm->complete(question("The capital of France?"))));
    tell("the second time", dspy::wait(lm->complete(question("The capital of France?"))));
  }
  // Another program, or the same one tomorrow. (`cache_ttl_secs` sets how long replies are kept:
  // 300 s by default, 0 for ever.)
  const auto lm = dspy::cached({.directory = folder.string()})(model);
  tell("the next program", dspy::wait(lm->complete(question("The capital of France?"))));

  // A rollout asks for a fresh sample: optimizers send the same request several times and need
  // different answers.
  auto again = question("The capital of France?");
  dspy::ProviderOptions options;
  options.metadata["rollout_id"] = 1;
  again.provider = std::make_shared<const dspy::ProviderOptions>(options);
  tell("another rollout", dspy::wait(lm->complete(again)));

  std::vector<dspy::Async<dspy::Reply>> many;
  for (int i = 0; i < 1'000; ++i) many.push_back(lm->complete(question("The capital of Italy?")));
  dspy::wait(dspy::when_all(std::move(many)));
  std::cout << "asked " << provider.request_count() << " times in all\n";
  std::filesystem::remove_all(folder);
}
