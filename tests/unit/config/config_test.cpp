#include "dspy/config/config.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/lm/scripted.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdlib>
#include <string>

using namespace dspy;

namespace {

/// Answers with the path of its URI; `down` cannot be reached.
std::shared_ptr<LM> make_echo(const LMUri& uri) {
  const auto answer = [text = uri.path](const Request&) -> std::string {
    if (text == "down") throw Error(Errc::unavailable, "it is down");
    return text;
  };
  return std::make_shared<ScriptedLM>(answer, "echo " + uri.path);
}

const bool registered = register_lm_scheme("echo", &make_echo);

std::string complaint(std::string_view text) {
  const auto config = attempt([&] { return Config::parse(text); });
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().code() == Errc::config_error);
  return config.error().what();
}

}  // namespace

TEST_CASE("A configuration names models and what stands around them") {
  const auto config = Config::parse(R"(
default = "fast"
adapter = "chat"

[lm.fast]
model = "echo:down"
api_key_env = "FAST_KEY"
options = {temperature = 0, top_p = 0.5, note = "a&b"}
fallbacks = ["local", "echo:third"]
requests_per_minute = 60
max_retries = 0
usd_per_day = 2.5
cache_ttl_secs = 0

[lm.local]
model = "echo:local"

[cache]
enable_cache = true
cache_ttl_secs = 60
memory_mb = 10
)");

  REQUIRE(config.lms().size() == 2);
  const auto& fast = config.lms().at("fast");
  CHECK(Config::uri(fast) == "echo:down?api_key_env=FAST_KEY&note=a%26b&temperature=0&top_p=0.5");
  CHECK(fast.limits.requests_per_minute == 60);
  CHECK(fast.retry.max_retries == 0);
  CHECK(fast.budget.usd_per_day == 2.5);
  CHECK(fast.cache_ttl_secs == 0);
  CHECK(config.cache().memory_bytes == 10U << 20);
  CHECK(config.default_lm() == "fast");
  CHECK(config.adapter() == "chat");

  CHECK(wait(config.lm("local")->complete({.messages = {Message(Role::user, "x")}})).text() == "local");
  CHECK(config.lm("local") == config.lm("local"));  // so that its limits hold for all
}

TEST_CASE("A fallback of the file answers where the first model cannot") {
  const auto config = Config::parse(
      "[lm.a]\nmodel = \"echo:down\"\nfallbacks = [\"b\"]\nmax_retries = 0\n"
      "[lm.b]\nmodel = \"echo:here\"\n");

  const auto reply = wait(config.lm("a")->complete({.messages = {Message(Role::user, "x")}}));

  CHECK(reply.text() == "here");
  CHECK(reply.adaptations.size() == 1);
}

TEST_CASE("A configuration says where the log goes") {
  const auto config =
      Config::parse("[log]\nfile = \"~/logs/a.log\"\nform = \"json\"\nlevel = \"debug\"\nmegabytes = 3\nfiles = 0\n");
  REQUIRE(config.log().has_value());
  CHECK(config.log()->output.file == std::string(std::getenv("HOME")) + "/logs/a.log");
  CHECK(config.log()->output.form == LogForm::json);
  CHECK(config.log()->output.most_bytes == std::size_t{3} << 20);
  CHECK(config.log()->output.kept_files == 0);
  CHECK(config.log()->minimum == LogLevel::debug);

  const auto plain = Config::parse("[log]\nfile = \"stderr\"\n");
  REQUIRE(plain.log().has_value());
  CHECK(plain.log()->output.file.empty());
  CHECK(plain.log()->output.form == LogForm::plain);
  CHECK(plain.log()->minimum == LogLevel::info);
  CHECK_FALSE(Config::parse("").log().has_value());

  CHECK(complaint("[log]\nlevel = \"info\"\n") == "dspy.toml:1:1: `log` needs `file`, a path or \"stderr\"");
  CHECK(complaint("[log]\nfile = \"a\"\nlevel = \"warn\"\n") ==
        "dspy.toml:3:9: `level` must be debug, info, warning or error");
  CHECK(complaint("[log]\nfile = \"a\"\nform = \"xml\"\n") == "dspy.toml:3:8: `form` must be plain or json");
  CHECK(complaint("[log]\nfile = \"a\"\nmegabytes = 0\n") ==
        "dspy.toml:3:13: `megabytes` must be a whole number above 0");
  CHECK(complaint("[log]\nfile = \"a\"\nmegabytes = 99999999999999\n").contains("up to 1000000"));
  CHECK(complaint("[log]\nfiel = \"a\"\n").contains("did you mean `file`?"));
}

TEST_CASE("What is wrong in a configuration is told with its line and column") {
  CHECK(complaint("[lm.a]\nmodel = \"x\"\nrequest_per_minute = 5\n") ==
        "dspy.toml:3:1: there is no `request_per_minute` in `lm.a`; did you mean `requests_per_minute`?");
  CHECK(complaint("[lm.a]\nmodel = 5\n") == "dspy.toml:2:9: `model` must be a text");
  CHECK(complaint("[lm.a]\nmodel = \"x\"\nrequests_per_minute = -5\n") ==
        "dspy.toml:3:23: `requests_per_minute` must be a number above 0");
  CHECK(complaint("[lm.a]\nmodel = \"x\"\nmax_retries = 1.5\n") ==
        "dspy.toml:3:15: `max_retries` must be a whole number from 0");
  CHECK(complaint("[lm.a]\nmax_retries = 1\n").starts_with("dspy.toml:1:1: `lm.a` needs `model`"));
  CHECK(complaint("default = \"b\"\n[lm.a]\nmodel = \"x\"\n") ==
        "dspy.toml:1:11: `default` names `b`, but there is `a`");
  CHECK(complaint("[lm.a]\nmodel = \"x\"\ninitial_backoff_ms = 9000\n")
            .contains("less than `initial_backoff_ms` = 9000"));
  CHECK(complaint("[lm.a\n").starts_with("dspy.toml:1:6: "));
  CHECK(complaint("lm = 5\n") == "dspy.toml:1:6: `lm` must be a table");
  CHECK(complaint("[cache]\nmemory_mb = 0\n") == "dspy.toml:2:13: `memory_mb` must be a whole number above 0");
  CHECK(complaint("[lm.a]\nmodel = \"x\"\nfallbacks = [\"b\"]\n[lm.b]\nmodel = \"x\"\nfallbacks = [\"a\"]\n")
            .contains("lead back to it"));
}

TEST_CASE("A name that is not there is an error that lists those there are") {
  const auto config = Config::parse("[lm.fast]\nmodel = \"echo:x\"\n");

  CHECK_THROWS_WITH_AS(config.lm("fsat"), "dspy.toml has no LM `fsat`; did you mean `fast`?", Error);
  CHECK_THROWS_WITH_AS(Config::parse("").lm("x"), "dspy.toml has no LM `x`; add one as [lm.NAME] with `model`", Error);
}

TEST_CASE("DSPY_CONFIG says where the configuration is") {
  const test::Folder folder;
  const auto path = folder.write("mine.toml", "[lm.fast]\nmodel = \"echo:x\"\n");

  ::setenv("DSPY_CONFIG", path.c_str(), 1);
  CHECK(Config::find() == path);
  CHECK(Config::load().lms().contains("fast"));
  ::setenv("DSPY_CONFIG", "/no/such/file.toml", 1);
  CHECK_THROWS_WITH_AS(Config::find(),
                       "DSPY_CONFIG names `/no/such/file.toml`, which is not there; correct or unset it", Error);
  ::unsetenv("DSPY_CONFIG");
}

TEST_CASE("Models of one configuration share a cache on disk") {
  const test::Folder folder;
  const auto text = "[lm.a]\nmodel = \"echo:x\"\n[cache]\ndirectory = \"" + folder.path.string() + "\"\n";
  const Request request{.messages = {Message(Role::user, "x")}};

  CHECK(wait(Config::parse(text).lm("a")->complete(request)).handling->source == ReplySource::model);
  CHECK(wait(Config::parse(text).lm("a")->complete(request)).handling->source == ReplySource::disk);
}
