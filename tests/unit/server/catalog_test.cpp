#include "dspy/server/catalog.hpp"

#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/signature/signature.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace dspy;

namespace {

server::ServedProgram served(const std::string& name, const std::string& version) {
  const auto signature = Signature::parse("question -> answer");
  return {.name = name, .version = version, .program = Predictor(signature), .signature = signature};
}

}  // namespace

TEST_CASE("a program that is replaced goes on for those who hold it") {
  server::Catalog catalog;
  catalog.put(served("qa", "1"));
  const auto held = catalog.program("qa");
  REQUIRE(held);
  catalog.put(served("qa", "2"));
  CHECK(held->version == "1");
  CHECK(catalog.program("qa")->version == "2");
  CHECK(catalog.programs().size() == 1);
  CHECK(catalog.remove_program("qa"));
  CHECK_FALSE(catalog.remove_program("qa"));
  CHECK(catalog.program("qa") == nullptr);
  CHECK(held->signature.inputs.size() == 1);
}

TEST_CASE("models are found by name and listed in order") {
  server::Catalog catalog;
  catalog.put(server::ServedModel{.name = "b"});
  catalog.put(server::ServedModel{.name = "a"});
  CHECK(catalog.model("c") == nullptr);
  const auto all = catalog.models();
  REQUIRE(all.size() == 2);
  CHECK(all[0]->name == "a");
}
