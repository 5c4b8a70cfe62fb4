// Random contracts, held by models of random weights: see support/held_requests.hpp.

#include "support/held_requests.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

namespace dspy {

using test::RandomModel;

TEST_CASE("a model with a byte-level vocabulary keeps every contract") {
  test::check_alone(RandomModel::Tokenizer::byte_level, 1, 60);
}

TEST_CASE("a model with a vocabulary like SentencePiece's keeps every contract") {
  test::check_alone(RandomModel::Tokenizer::sentence_pieces, 1000, 60);
}

TEST_CASE("a held reply can be read whatever its budget, from the least one up") {
  test::check_budgets(RandomModel::Tokenizer::byte_level, 5000, 24, 6);
  test::check_budgets(RandomModel::Tokenizer::sentence_pieces, 6000, 24, 6);
}

TEST_CASE("a held value may say what would open the next turn, where the model has no chat template") {
  const test::TempFolder folder;
  RandomModel{.chat_template = "", .tokenizer = RandomModel::Tokenizer::sentence_pieces}.write(folder / "plain.gguf");
  const auto model = llama::Model::load(folder / "plain.gguf", {.gpu_layers = test::gpu_layers()});
  REQUIRE_FALSE(model->chat_template().stops().empty());
  llama::Engine engine(model, {.threads = 1});
  const std::string value = "hello\nUser: hello";

  const auto reply = wait(engine.generate(
      {.prompt = model->tokenize("q"), .contract = {.form = OutputContract::Form::choices, .choices = {value}}}));

  CHECK(reply.text == value);
  CHECK(reply.finish == FinishReason::stop);
}

TEST_CASE("many at once keep a contract each, whoever gives up") {
  test::check_together(RandomModel::Tokenizer::byte_level, 2000, 80);
  test::check_together(RandomModel::Tokenizer::sentence_pieces, 3000, 80);
}

}  // namespace dspy
