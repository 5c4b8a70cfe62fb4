#include "dspy/adapters/adapter.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/llama/llama_lm.hpp"
#include "dspy/modules/predictor.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

// Values that are written again, by the embedded model.

namespace dspy {
namespace {

const std::string tiny = (std::filesystem::path(DSPY_MODEL_DIR) / "dspy-tiny.gguf").string();

std::shared_ptr<LlamaLM> greedy() {
  return std::make_shared<LlamaLM>(
      tiny, LlamaOptions{.sampling = {.max_tokens = 120, .temperature = 0, .seed = 1}, .engine = {.threads = 1}});
}

TEST_CASE("a reply tells from where its values can be written, and goes on from there") {
  const auto lm = greedy();
  for (const auto* const name : {"field", "chat", "json", "xml"}) {
    CAPTURE(name);
    const auto signature = Signature::parse("ticket -> category: Literal['billing', 'shipping'], urgent: bool, note");
    const Predictor predict(signature, {.lm = lm, .adapter = adapter(name)});
    const JsonObject inputs = {{"ticket", "My lamp arrived broken, I want my money back!"}};
    Request request{.messages = predict.render(inputs),
                    .contract = adapter(name)->prepare(std::make_shared<const Signature>(signature))->contract()};

    const auto whole = wait(lm->complete(request));

    REQUIRE(whole.completion().resume_points.size() == 3);
    for (const auto& [field, start] : whole.completion().resume_points) {
      CAPTURE(field);
      REQUIRE(start <= whole.text().size());
      request.prefill.text = whole.text().substr(0, start);
      const auto again = wait(lm->complete(request));
      CHECK(again.text().starts_with(request.prefill.text));
      CHECK(adapter(name)->parse(signature, again.text()).has_value());
      REQUIRE(again.completion().resume_points.size() == 3);
    }
  }
}

TEST_CASE("a value that breaks a rule is written again until it keeps it, and only from there on") {
  const auto lm = greedy();
  auto signature = Signature::parse("question -> colour: Literal['red', 'green', 'blue', 'black'], sure: bool");
  const Predictor plain(signature, {.lm = lm});
  const auto usual = plain({{"question", "Which colour do you like best?"}}).at("colour");
  const auto other = [usual](const Json& value) -> std::optional<std::string> {
    if (value == usual) return "must be another colour";
    return std::nullopt;
  };
  signature.outputs[0].validators.push_back({.name = "another", .check = other});
  const Predictor picky(signature, {.lm = lm, .policy = {.rewrite = 40, .ask_again = 0}});
  const auto before = lm->engine().stats();

  const auto prediction = picky({{"question", "Which colour do you like best?"}});

  CHECK(prediction.at("colour") != usual);
  CHECK_FALSE(prediction.failures.empty());
  const auto after = lm->engine().stats();
  CHECK(after.completed - before.completed == prediction.failures.size() + 1);
}

}  // namespace
}  // namespace dspy
