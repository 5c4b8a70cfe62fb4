// The headers were written by `dspy codegen` while this was built.

#include "Order.hpp"
#include "Rag.hpp"
#include "Triage.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/text.hpp"

#include <doctest/doctest.h>

using namespace dspy;

TEST_CASE("The struct declares the signature that it was made from") {
  const auto text = read_file("tests/codegen/triage.txt", 1 << 16);
  const auto& declared = signature_of<made::Triage>();

  CHECK(declared == Signature::parse(text::trim(text)));

  const auto values = *parse_json(R"({"priority": "high", "sure": 0.5, "tags": ["a"], "size": 3, "notes": {"x": 1.5},
                                      "word": "w", "way": "by sea"})");
  const auto output = from_values<made::Triage::Output>(values.get_object());
  CHECK(output.priority == made::Triage::Priority::high);
  CHECK(output.way == made::Triage::Way::by_sea);
  CHECK(to_values(output) == values.get_object());
}

TEST_CASE("The struct of a schema holds its values") {
  const auto values = *parse_json(R"({"id": 7, "state": "shipped", "tags": [], "price": 0.5, "note": null})");

  const auto order = from_values<made::Order>(values.get_object());

  CHECK(order.state == made::Order::State::shipped);
  CHECK(to_values(order) == values.get_object());
}

TEST_CASE("The file loads into the struct that was made from it, and is saved as it was") {
  made::Rag rag;
  const auto file = load(rag, "tests/codegen/rag.json");

  CHECK(rag.answer.predictor().signature().instructions == "Answer from the context.");
  CHECK(rag.answer.predictor().demos().size() == 1);
  CHECK(to_text(to_program_file(rag, file)) == read_file("tests/codegen/rag.json", 1 << 20));
}
