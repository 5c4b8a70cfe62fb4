#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/server/experiments/served_names.hpp"
#include "dspy/server/resources/resource_table.hpp"
#include "dspy/server/resources/services.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "dspy/server/routes.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <set>
#include <string>

using namespace dspy;
using namespace dspy::server;

namespace {

/// The resources over a workspace, in a process that serves nothing itself.
struct Beside {
  test::Folder folder;
  Workspace workspace{folder.path};
  Routes routes;

  Beside() { routes.add(standard_resources({.workspace = workspace}).routes()); }

  HttpResponse start(const std::string& program, const Json& weight = 1) {
    const Json body{
        {"name", program},
        {"program", program},
        {"metric", "right"},
        {"arms", {{{"name", "a"}, {"version", "1"}, {"weight", weight}}, {{"name", "b"}, {"version", "2"}}}}};
    return wait(routes.answer({.method = "POST", .path = "/api/experiments/start", .body = to_text(body)}));
  }
};

}  // namespace

TEST_CASE("an experiment on a program that nobody serves is refused, with what would help") {
  Beside beside;
  const auto alone = beside.start("far");
  CHECK(alone.status == 409);
  CHECK(alone.body.contains("start `dspy serve` with this workspace first"));
  ServedNames far(beside.workspace);
  far.tell({"far"});
  const auto refused = beside.start("near");
  CHECK(refused.status == 404);
  CHECK(refused.body.contains("start it with `dspy serve near=…`"));
  CHECK(!std::filesystem::exists(beside.folder.path / "experiments" / "near.json"));
  const auto started = beside.start("far");
  CHECK(started.status == 200);
  CHECK(started.body.contains("\"divides_calls\":false"));
}

TEST_CASE("what a process served that has ended counts no more") {
  const test::Folder folder;
  const Workspace workspace(folder.path);
  CHECK(!served_names(workspace));
  {
    ServedNames here(workspace);
    here.tell({"a", "b"});
    ServedNames too(workspace);
    too.tell({"c"});
    CHECK(served_names(workspace) == std::set<std::string>{"a", "b", "c"});
  }
  CHECK(!served_names(workspace));
  replace_file(folder.path / "served" / "killed.lock", "");
  replace_file(folder.path / "served" / "killed.json", R"({"programs": ["d"]})");
  CHECK(!served_names(workspace));
  const ServedNames next(workspace);
  CHECK(!std::filesystem::exists(folder.path / "served" / "killed.json"));
}

TEST_CASE("weights of arms have limits, which are told") {
  Beside beside;
  CHECK(beside.start("e", 1'000'000)
            .body.contains("the arm `a` has the weight 1e+06; a weight is above 0 and below 1000000"));
  CHECK(beside.start("e", 0).body.contains("the arm `a` has the weight 0;"));
  CHECK(beside.start("e", -1).body.contains("the arm `a` has the weight -1;"));
}
