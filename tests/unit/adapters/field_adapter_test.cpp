#include "dspy/adapters/field_adapter.hpp"

#include <doctest/doctest.h>

using namespace dspy;

TEST_CASE("A very long input is one message, byte for byte") {
  std::string text(2'000'000, 'x');
  for (std::size_t i = 80; i < text.size(); i += 81) text[i] = '\n';
  const auto signature = Signature::parse("text -> summary");
  const JsonObject inputs = {{"text", text}};

  const auto chat = FieldAdapter().format({.signature = signature, .inputs = inputs});

  REQUIRE(chat.size() == 1);
  CHECK(chat[0].text() == "Text: " + text + "\n\nSummary:");
}

TEST_CASE("The field adapter is found by its name, and is nobody's state") {
  const auto found = adapter("field");

  CHECK(found->name() == "field");
  CHECK(found->prepare(std::make_shared<const Signature>(Signature::parse("q -> a")))->contract().form ==
        OutputContract::Form::fields);
}
