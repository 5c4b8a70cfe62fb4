#pragma once

#include "dspy/base/error.hpp"
#include "dspy/base/file.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/models/catalogue.hpp"
#include "dspy/models/pull.hpp"
#include "dspy/models/store.hpp"
#include "hub_server.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>

namespace dspy::test {

/// A hub, and a folder that models are pulled into.
struct Pulling {
  test::Folder folder{};
  Hub hub{};
  models::ModelStore store{folder.path / "models"};

  models::PullOptions options() const {
    models::PullOptions out;
    out.hugging_face = hub.url();
    out.ollama = hub.url();
    out.token = Secret("key");
    out.pause = std::chrono::milliseconds(1);
    out.attempts = 3;
    return out;
  }
  models::Pulled pull(std::string_view source = "hf:o/r") {
    return wait(models::pull(std::string(source), models::Catalogue(), store, options()));
  }
  Error failure(std::string_view source = "hf:o/r") {
    const auto result = attempt([&] { return pull(source); });
    REQUIRE_FALSE(result.has_value());
    return result.error();
  }
  std::string read(std::string_view file) const { return read_file(folder.path / "models" / file, 1 << 30); }
};

}  // namespace dspy::test
