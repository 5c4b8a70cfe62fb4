// Every optimizer killed at random moments, as by `kill -9`: it goes on from its checkpoint.

#include "all_optimizers.hpp"
#include "dspy/base/random.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "magic_world.hpp"
#include "support/folder.hpp"
#include "support/in_child.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

using namespace dspy;
using namespace dspy::test::magic;

namespace {

/// Notes each reply in a file, and kills its process at the `last` request from now on.
std::shared_ptr<LM> killing(const std::filesystem::path& paid, std::uint64_t last) {
  auto count = std::make_shared<std::uint64_t>(0);
  return std::make_shared<ScriptedLM>(
      [=, lm = Models().make()](const Request& request) -> Reply {
        if ((*count)++ == last) ::raise(SIGKILL);
        std::ofstream(paid, std::ios::app) << "reply\n";
        return wait(lm->complete(request));
      },
      "noting");
}

std::size_t lines_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::size_t count = 0;
  for (std::string line; std::getline(file, line);) ++count;
  return count;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

TEST_CASE("Every optimizer that is killed goes on, pays for nothing twice, and ends at the same") {
  int all_kills = 0;
  for (const auto& [name, optimizer, reaches] : all()) {
    CAPTURE(name);
    const Models undisturbed;
    const auto expected = outcome(optimizer(student(undisturbed.make()), training()));
    const test::Folder folder;
    const auto found = folder.path / "found", paid = folder.path / "paid";
    Random random(static_cast<std::uint64_t>(all_kills));
    int kills = 0;
    while (!test::in_child([&, last = 1 + random.below(23)] {
      const auto optimized =
          optimizer(student(killing(paid, last)), training({.concurrency = 8, .checkpoint = folder.path / "run"}));
      std::ofstream(found) << outcome(optimized);
    })) {
      REQUIRE(++kills < 500);
    }
    all_kills += kills;
    CHECK(text_of(found) == expected);
    CHECK(lines_of(paid) == undisturbed.paid->load());
  }
  CHECK(all_kills >= 100);
}
