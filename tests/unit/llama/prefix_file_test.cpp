#include "llama/prefixes/prefix_file.hpp"

#include "dspy/base/error.hpp"
#include "fake_runtime.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace dspy::llama {
namespace {

namespace fs = std::filesystem;
using test::error_of;

struct Fixture {
  test::FakeRuntime runtime;
  test::TempFolder folder;
  std::shared_ptr<const Model> model = load("one.gguf", 1);
  std::string file = folder / "prefix.kv";
  std::vector<Token> tokens = {1, 2, 3, 250};
  std::vector<std::byte> state = std::vector<std::byte>(1001, std::byte{7});

  std::shared_ptr<const Model> load(const char* name, std::uint64_t seed) {
    test::RandomModel{.context_length = 4096, .seed = seed}.write(folder / name);
    return Model::load(folder / name, {}, {}, &runtime);
  }
  std::string bytes() const {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void put(const std::string& bytes) const { std::ofstream(file, std::ios::binary) << bytes; }
};

TEST_CASE_FIXTURE(Fixture, "a prefix comes back as it was saved, also for another load of the same file") {
  write_prefix(file, prefix_binding(*model, {}), {.tokens = tokens, .state = state});
  const auto again = Model::load(folder / "one.gguf", {}, {}, &runtime);

  const auto prefix = read_prefix(file, prefix_binding(*again, {}), "again");

  CHECK(prefix.tokens == tokens);
  CHECK(prefix.state == state);
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 2);  // the model and the prefix, no partial file
}

TEST_CASE_FIXTURE(Fixture, "a prefix of another model is refused") {
  write_prefix(file, prefix_binding(*model, {}), {.tokens = tokens, .state = state});
  const auto other = load("two.gguf", 2);

  const auto error = error_of([&] { read_prefix(file, prefix_binding(*other, {}), "other"); });

  CHECK(error.code() == Errc::invalid_parameter);
  CHECK(std::string(error.what()).contains("belongs to another model"));
}

TEST_CASE_FIXTURE(Fixture, "a damaged file is refused, wherever the damage is") {
  write_prefix(file, prefix_binding(*model, {}), {.tokens = tokens, .state = state});
  const auto whole = bytes();
  for (std::size_t length = 0; length < whole.size(); length += 13) {
    CAPTURE(length);
    put(whole.substr(0, length));
    CHECK(error_of([&] { read_prefix(file, prefix_binding(*model, {}), "one"); }).code() == Errc::io_error);
  }
  for (std::size_t i = 0; i < whole.size(); i += 7) {
    CAPTURE(i);
    auto damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x40);
    put(damaged);
    CHECK_THROWS_AS(read_prefix(file, prefix_binding(*model, {}), "one"), Error);
  }
  put(whole + "x");
  CHECK(error_of([&] { read_prefix(file, prefix_binding(*model, {}), "one"); }).code() == Errc::io_error);
  CHECK(error_of([&] { read_prefix(folder / "absent", prefix_binding(*model, {}), "one"); }).code() == Errc::io_error);
}

TEST_CASE_FIXTURE(Fixture, "a place that cannot be written is an error that leaves nothing behind") {
  CHECK(error_of([&] {
          write_prefix(folder / "no/such/folder", prefix_binding(*model, {}), {.tokens = tokens, .state = state});
        }).code() == Errc::io_error);
  fs::create_directories(folder.path() / "taken" / "inside");
  CHECK(error_of([&] {
          write_prefix(folder / "taken", prefix_binding(*model, {}), {.tokens = tokens, .state = state});
        }).code() == Errc::io_error);
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 2);
}

}  // namespace
}  // namespace dspy::llama
