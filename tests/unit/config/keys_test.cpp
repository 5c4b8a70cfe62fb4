#include "dspy/base/error.hpp"
#include "dspy/config/config.hpp"
#include "dspy/lm/key_handover.hpp"
#include "dspy/schemes.hpp"  // IWYU pragma: keep (registers the providers)
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <format>
#include <string>

using namespace dspy;
using test::Folder;

namespace {

Config with_key(std::string_view key) {
  return Config::parse(
      std::format("[lm.a]\nmodel = \"openai/m\"\nbase_url = \"http://127.0.0.1:1/v1\"\nkey = {}\n", key));
}

std::string refusal(const Config& config) {
  const auto key = attempt([&] { return config.key("a"); });
  REQUIRE_FALSE(key.has_value());
  CHECK(key.error().code() == Errc::authentication_failed);
  return key.error().what();
}

}  // namespace

TEST_CASE("A key comes from a variable, a file or a command, and is not a part of the configuration") {
  const Folder folder;
  const auto file = folder.write("key", "  sk-canary-of-the-file\n");
  std::filesystem::permissions(file, std::filesystem::perms::owner_read);
  ::setenv("DSPY_TEST_KEY", "sk-canary-of-the-variable", 1);
  struct Case {
    std::string source;
    std::string key;
  };
  for (const auto& [source, key] : {Case{"{env = \"DSPY_TEST_KEY\"}", "sk-canary-of-the-variable"},
                                    Case{std::format("{{file = \"{}\"}}", file.string()), "sk-canary-of-the-file"},
                                    Case{"{command = \"echo sk-canary; echo >&2 asking\"}", "sk-canary"}}) {
    CAPTURE(source);
    const auto config = with_key(source);
    CHECK(config.key("a") == Secret(key));
    CHECK_FALSE(Config::uri(config.lms().at("a")).contains("canary"));
    const auto lm = config.lm("a");
    CHECK_FALSE(lm->fingerprint().contains("canary"));
  }
  ::unsetenv("DSPY_TEST_KEY");
}

TEST_CASE("A key that cannot be read is an error that says where it should be, and nothing of it") {
  const Folder folder;
  folder.write("two", "sk-canary one more");
  folder.write("none", " \n");
  CHECK(refusal(with_key("{env = \"DSPY_TEST_NO_KEY\"}")).contains("`DSPY_TEST_NO_KEY` is not set"));
  CHECK(refusal(with_key("{file = \"/nowhere/key\"}")).contains("/nowhere/key"));
  const auto two = refusal(with_key(std::format("{{file = \"{}\"}}", (folder.path / "two").string())));
  CHECK(two.contains("more than a key"));
  CHECK_FALSE(two.contains("canary"));
  CHECK(refusal(with_key(std::format("{{file = \"{}\"}}", (folder.path / "none").string()))).contains("nothing in it"));
  const auto failed = refusal(with_key("{command = \"echo sk-canary; exit 3\"}"));
  CHECK(failed.contains("exit code 3"));
  CHECK_FALSE(failed.contains("canary"));
}

TEST_CASE("A source of a key that cannot be meant is told with its place") {
  for (const auto* const key :
       {"{}", "{env = \"A\", file = \"b\"}", "{env = \"\"}", "\"sk-canary\"", "{url = \"x\"}"}) {
    CAPTURE(key);
    const auto result = attempt([&] { with_key(key); });
    REQUIRE_FALSE(result.has_value());
    CHECK(std::string_view(result.error().what()).starts_with("dspy.toml:4:"));
    CHECK_FALSE(std::string_view(result.error().what()).contains("canary"));
  }
}

TEST_CASE("A file that was only found in a folder runs no command") {
  const Folder folder;
  folder.write("dspy.toml", std::format("[lm.a]\nmodel = \"openai/m\"\nkey = {{command = \"touch {}/ran; echo k\"}}\n",
                                        folder.path.string()));
  const auto before = std::filesystem::current_path();
  ::unsetenv("DSPY_CONFIG");
  std::filesystem::current_path(folder.path);
  const auto found = attempt([] { return Config::load().lm("a"); });
  std::filesystem::current_path(before);
  REQUIRE_FALSE(found.has_value());
  CHECK(found.error().code() == Errc::config_error);
  CHECK(std::string_view(found.error().what()).contains("DSPY_CONFIG"));
  CHECK_FALSE(std::filesystem::exists(folder.path / "ran"));
  ::setenv("DSPY_CONFIG", (folder.path / "dspy.toml").c_str(), 1);
  CHECK(Config::load().key("a") == Secret("k"));
  ::unsetenv("DSPY_CONFIG");
}

TEST_CASE("A key is handed over once") {
  const auto reference = hand_over_key(Secret("sk-canary"));
  CHECK(reference.size() == 32);
  CHECK(take_over_key(reference) == Secret("sk-canary"));
  CHECK_THROWS_AS(take_over_key(reference), Error);
  CHECK_THROWS_AS(take_over_key(""), Error);
}

TEST_CASE("A profile goes before the rest of the file") {
  const std::string_view text =
      "default = \"a\"\n[lm.a]\nmodel = \"openai/large\"\nmax_retries = 5\n"
      "[profile.cheap.lm.a]\nmodel = \"openai/small\"\n"
      "[profile.offline]\ndefault = \"b\"\n[profile.offline.lm.b]\nmodel = \"llama:models/dspy-tiny.gguf\"\n";
  CHECK(Config::parse(text).lms().at("a").model == "openai/large");
  const auto cheap = Config::parse(text, "dspy.toml", "cheap");
  CHECK(cheap.lms().at("a").model == "openai/small");
  CHECK(cheap.lms().at("a").retry.max_retries == 5);
  CHECK(cheap.profile() == "cheap");
  CHECK(Config::parse(text, "dspy.toml", "offline").default_lm() == "b");
  CHECK_THROWS_WITH_AS(Config::parse(text, "dspy.toml", "fast"), doctest::Contains("there is no profile `fast`"),
                       Error);
}

TEST_CASE("The cache's mode and its server are named in the file") {
  const auto config = Config::parse("[cache]\nremote = \"redis://localhost\"\nmode = \"read_only\"\n");
  CHECK(config.remote_cache() == "redis://localhost");
  CHECK(config.cache().mode == CacheOptions::Mode::read_only);
  CHECK_THROWS_AS(Config::parse("[cache]\nmode = \"none\"\n"), Error);
}
