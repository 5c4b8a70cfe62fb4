#include "dspy/server/programs/program_sources.hpp"

#include "dspy/base/error.hpp"
#include "dspy/lm/scripted.hpp"
#include "dspy/modules/predictor.hpp"
#include "dspy/programs/program_file.hpp"
#include "dspy/registry/registry.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/signature/signature.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

using namespace dspy;
using namespace dspy::server;

namespace {

std::string file_of(const std::string& instructions) {
  return to_text(to_program_file(Predictor(Signature::parse("question -> answer", instructions))));
}

struct Fixture {
  test::Folder folder;
  std::shared_ptr<Catalog> catalog = std::make_shared<Catalog>();
  std::shared_ptr<LM> lm =
      std::make_shared<ScriptedLM>([](const Request&) { return std::string(R"({"answer": "4", "facts": "f"})"); });
  ProgramSources sources{catalog, {.lm = lm, .registry = folder.path / "registry.db", .watches_files = true}};

  std::string instructions(std::string_view name) const { return catalog->program(name)->signature.instructions; }
};

}  // namespace

TEST_CASE("sources get their names from files, or as they are told") {
  Fixture f;
  const auto path = f.folder.write("triage.json", file_of("Sort.")).string();
  CHECK(f.sources.add(path) == "triage");
  CHECK(f.sources.add("other=" + path) == "other");
  CHECK(f.sources.add("qa=question -> answer") == "qa");
  CHECK(f.instructions("triage") == "Sort.");
  CHECK(f.catalog->program("qa")->program({{"question", "2+2?"}}).at("answer") == "4");
  CHECK(f.catalog->program("triage")->version.size() == 12);
  CHECK_THROWS_AS(f.sources.add(path), Error);  // taken
  CHECK_THROWS_AS(f.sources.add("none.json"), Error);
  CHECK_THROWS_AS(f.sources.add("nothing@production"), Error);
  CHECK_THROWS_AS(f.sources.add("question ->"), Error);
  f.folder.write("bad name!.json", file_of(""));
  CHECK_THROWS_AS(f.sources.add((f.folder.path / "bad name!.json").string()), Error);
}

TEST_CASE("a flow is served as a whole, a file of several predictors is not") {
  Fixture f;
  f.folder.write("ask.toml", R"(inputs = "context, question"
[[steps]]
name = "facts"
signature = "context, question -> facts"
[[steps]]
name = "answer"
signature = "facts, question -> answer"
)");
  CHECK(f.sources.add((f.folder.path / "ask.toml").string()) == "ask");
  CHECK(to_notation(f.catalog->program("ask")->signature) == "context: str, question: str -> answer: str");
  CHECK(f.catalog->program("ask")->program({{"context", "c"}, {"question", "q"}}).at("answer") == "4");
  ProgramFile file = read_program(file_of("One."));
  file.predictors.push_back(file.predictors.front());
  file.predictors.front().path = "first";
  file.predictors.back().path = "second";
  f.folder.write("two.json", to_text(file));
  CHECK_THROWS_AS(f.sources.add((f.folder.path / "two.json").string()), Error);
}

TEST_CASE("what changed is loaded anew, and what cannot be loaded is served as it was") {
  Fixture f;
  const auto path = f.folder.write("qa.json", file_of("First."));
  f.sources.add(path.string());
  CHECK(f.sources.poll() == 0);
  const auto before = f.catalog->program("qa");
  f.folder.write("qa.json", file_of("The second."));
  CHECK(f.sources.poll() == 1);
  CHECK(f.instructions("qa") == "The second.");
  CHECK(before->signature.instructions == "First.");  // requests that began with it end with it
  f.folder.write("qa.json", "{ broken");
  CHECK(f.sources.poll() == 0);
  CHECK(f.sources.problems().size() == 1);
  CHECK(f.instructions("qa") == "The second.");
  f.folder.write("qa.json", file_of("And the third."));
  CHECK(f.sources.poll() == 1);
  CHECK(f.sources.problems().empty());
}

TEST_CASE("an alias is followed") {
  Fixture f;
  {
    Registry registry(f.folder.path / "registry.db");
    registry.add("qa", read_program(file_of("First.")));
    registry.add("qa", read_program(file_of("Second.")));
    registry.move_alias("qa", "production", std::nullopt, 1);
  }
  CHECK(f.sources.add("qa@production") == "qa");
  CHECK(f.catalog->program("qa")->version == "qa:1");
  Registry(f.folder.path / "registry.db").move_alias("qa", "production", 1, 2);
  CHECK(f.sources.poll() == 1);
  CHECK(f.catalog->program("qa")->version == "qa:2");
  CHECK(f.instructions("qa") == "Second.");
}
