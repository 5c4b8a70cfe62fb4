#include "dspy/base/error.hpp"
#include "dspy/base/random.hpp"
#include "retrieve/embedded/engine.hpp"
#include "support/folder.hpp"
#include "support/store_conformance.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <filesystem>
#include <format>
#include <utility>
#include <vector>

using namespace dspy;

namespace {

constexpr std::size_t batch = 40;

std::vector<Passage> passages_of(std::size_t number) {
  Random random(number);
  std::vector<Passage> out;
  for (std::size_t i = 0; i < batch; ++i)
    out.push_back(
        {.id = std::format("{}-{}", number, i), .text = "quick river", .vector = test::random_vector(random, 64)});
  return out;
}

/// Writes until there is no more room: no file may be larger than `bytes`.  Returns how many batches were confirmed, as
/// the exit code of a process of its own.
[[noreturn]] void write_until_full(const std::filesystem::path& path, std::size_t flush_from, rlim_t bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit most{.rlim_cur = bytes, .rlim_max = bytes};
  ::setrlimit(RLIMIT_FSIZE, &most);
  int confirmed = 0;
  try {
    EmbeddedOptions options;
    options.flush_from = flush_from;
    embedded::Engine engine(path, options);
    while (confirmed < 250) {
      engine.upsert(passages_of(static_cast<std::size_t>(confirmed)));
      ++confirmed;
    }
  } catch (const Error& error) {
    ::_exit(error.code() == Errc::io_error ? confirmed : 254);
  } catch (...) {
    ::_exit(253);
  }
  ::_exit(252);
}

}  // namespace

TEST_CASE("A disk that is full fails the write with an error, and harms nothing that was confirmed") {
  for (const std::size_t flush_from : {std::size_t{100'000}, std::size_t{100}}) {  // the log is full; a segment is
    CAPTURE(flush_from);
    const test::Folder folder;
    const auto path = folder.path / "index";
    {
      const embedded::Engine engine(path, {});
    }
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) write_until_full(path, flush_from, rlim_t{600} << 10);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
    const auto confirmed = static_cast<std::size_t>(WEXITSTATUS(status));
    CAPTURE(confirmed);
    REQUIRE(confirmed >= 1);
    REQUIRE(confirmed < 250);

    embedded::Engine engine(path, {});
    const auto check = engine.check();
    for (const auto& problem : check.problems) FAIL_CHECK(problem);
    CHECK(check.passages == confirmed * batch);
    CHECK(check.vectors == check.passages);
    engine.upsert(passages_of(1'000));  // there is room again
    CHECK(engine.count({}) == (confirmed + 1) * batch);
    for (const auto& entry : std::filesystem::directory_iterator(path)) CHECK(entry.path().extension() != ".part");
  }
}
