#include "dspy/server/configured.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/schemes.hpp"  // IWYU pragma: keep (registers `llama:`)

#include <doctest/doctest.h>

#include <string>

using namespace dspy;

TEST_CASE("the models of dspy.toml are served under their names, and made when they are asked") {
  const auto config =
      Config::parse("[lm.fast]\nmodel = \"llama:no-such-file.gguf\"\n[lm.taken]\nmodel = \"llama:x\"\n");
  server::Catalog catalog;
  catalog.put(server::ServedModel{.name = "taken"});

  serve_configured(config, catalog);

  REQUIRE(catalog.model("fast") != nullptr);
  CHECK(catalog.model("taken")->lm == nullptr);
  const auto lm = catalog.model("fast")->lm;
  CHECK(lm->model() == "fast");
  // What is wrong with a model is the error of the request that asks it, each time anew.
  for (int i = 0; i < 2; ++i) {
    const auto reply = attempt([&] { return wait(lm->complete({.messages = {{Role::user, "q"}}})); });
    REQUIRE_FALSE(reply.has_value());
    CHECK(std::string(reply.error().what()).contains("no-such-file"));
  }
}
