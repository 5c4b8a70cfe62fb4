#include "support/index_crash.hpp"

#include "support/folder.hpp"

#include <doctest/doctest.h>

using namespace dspy;

TEST_CASE("An index survives 200 ends of its writer") {
  const test::Folder folder;
  test::index_survives_kills(folder.path / "index", 200, 150);
}
