#include "dspy/agents/sandbox/wasm_interpreter.hpp"

#include "agents/sandbox/wasm_image.hpp"
#include "agents/sandbox/wasm_package.hpp"
#include "dspy/base/error.hpp"
#include "support/folder.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;
using dspy::WasmOptions;
using dspy::sandbox::WasmImage;

/// A folder that looks like the package, and one for images; `node` is a script of ours.
struct FakePyodide {
  dspy::test::Folder folder;

  FakePyodide() {
    fs::create_directories(folder.path / "images");
    for (const auto* const name : {"pyodide.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json"})
      folder.write(name, name);
  }
  WasmOptions options(std::string_view node) const {
    const auto script =
        folder.write("node", "#!/bin/sh\n[ \"$1\" = --version ] && { echo v20.1.0; exit; }\n" + std::string(node));
    fs::permissions(script, fs::perms::owner_all);
    return {.node = script,
            .pyodide = folder.path,
            .around = WasmOptions::Around::nothing,
            .image_folder = folder.path / "images"};
  }
  std::vector<fs::path> images() const {
    const fs::directory_iterator found(folder.path / "images");
    return {fs::begin(found), fs::end(found)};
  }
};

std::string reason(const WasmOptions& options, dspy::Errc expected = dspy::Errc::unsupported) {
  try {
    dspy::WasmInterpreter({}, options)("1");
  } catch (const dspy::Error& error) {
    CHECK(error.code() == expected);
    return error.what();
  }
  FAIL("it ran");
  return {};
}

/// Shell code that sends a message.
std::string sends(std::string_view message) {
  return "printf '\\0\\0\\0\\" + std::to_string(message.size() / 64) + std::to_string(message.size() / 8 % 8) +
         std::to_string(message.size() % 8) + "%s' '" + std::string(message) + "'\n";
}

constexpr std::string_view ready =
    R"({"type":"ready","protocol":1,"python":"3.14.2","layers":{"pyodide":"1.2","node":"20.1","image":"made"}})";

}  // namespace

TEST_CASE("without Node or Pyodide code is refused, with the remedy") {
  const FakePyodide fake;
  CHECK(reason({.node = "/nowhere/node"}).contains("install nodejs (20 or newer), or set WasmOptions::node"));
  const auto missing = reason({.node = "/bin/sh", .pyodide = "/nowhere/pyodide"});
  CHECK(missing.contains("`/nowhere/pyodide`"));
  CHECK(missing.contains("npm install pyodide"));
  CHECK(reason({.node = "/bin/true", .pyodide = fake.folder.path}).contains("is no Node; install nodejs 20 or newer"));
  fs::remove(fake.folder.path / "pyodide.asm.wasm");
  CHECK(reason(fake.options("exit 0")).contains("Pyodide (Python in WebAssembly) was not found"));
  CHECK(reason({.memory_bytes = 1}, dspy::Errc::invalid_parameter).contains("at least 64 MiB"));
}

TEST_CASE("where bubblewrap is asked for and missing, code is refused") {
  const FakePyodide fake;
  auto options = fake.options("exit 0");
  options.around = WasmOptions::Around::bubblewrap;
  const std::string before = std::getenv("PATH");
  setenv("PATH", "/nowhere", 1);
  CHECK(reason(options).contains("install bubblewrap"));
  setenv("PATH", before.c_str(), 1);
}

TEST_CASE("a loader that does not start is told, with what it said and the remedy") {
  const FakePyodide fake;
  const auto said = reason(fake.options("echo node 18 permits fs.write >&2; exit 71"));
  CHECK(said.contains("exited with code 71: node 18 permits fs.write"));
  CHECK(said.contains("use Node 20 or newer"));
  CHECK(fake.images().empty());
}

TEST_CASE("the loader gets its limits, and speaks the protocol of all interpreters") {
  const FakePyodide fake;
  const std::string_view done =
      R"({"type":"done","execution":1,"end":"finished","value":7,"output":{"head":"","tail":"","left_out":0}})";
  const auto folder = fake.folder.path.string();
  const auto node = "ulimit -n > " + folder + "/limits\nprintf '%s\\n' \"$@\" > " + folder +
                    "/arguments\nprintf image >&3\n" + sends(ready) + "dd bs=1 count=1 of=/dev/null 2>/dev/null\n" +
                    sends(done) + "cat >/dev/null\n";
  dspy::WasmInterpreter python({}, fake.options(node));
  CHECK(python.protection().empty());
  CHECK(python("3 + 4").value == dspy::Json(7));
  CHECK(python.protection() == "WebAssembly (Pyodide 1.2), permissions of Node 20.1; no bubblewrap");
  CHECK(fake.folder.read("limits").ends_with("64\n"));
  const auto arguments = fake.folder.read("arguments");
  for (const auto* const each :
       {"--experimental-permission\n", "--disallow-code-generation-from-strings\n", "--wasm-max-mem-pages=8192\n"})
    CHECK(arguments.contains(each));
  CHECK(arguments.contains("--allow-fs-read=" + fs::canonical(fake.folder.path).string() + "/*\n"));
  CHECK(arguments.contains(R"("image":{"mode":"make","file":3})"));
  REQUIRE(fake.images().size() == 1);  // what was made is kept under its name
  CHECK(fake.images()[0].extension() == ".image");
  CHECK(fs::file_size(fake.images()[0]) == 5);
}

TEST_CASE("an image is loaded by later starts, and removed when it cannot be used") {
  const FakePyodide fake;
  const auto options = fake.options("exit 0");
  {
    WasmImage made(options, fake.folder.path);
    REQUIRE(made.mode() == WasmImage::Mode::make);
    REQUIRE(write(made.fd(), "bytes", 5) == 5);
    WasmImage unfinished(options, fake.folder.path);
    CHECK(fake.images().size() == 2);
    made.settle("made");
  }
  CHECK(fake.images().size() == 1);
  WasmImage loaded(options, fake.folder.path);
  CHECK(loaded.mode() == WasmImage::Mode::load);
  loaded.settle("loaded");
  CHECK(fake.images().size() == 1);
  WasmImage refused(options, fake.folder.path);
  refused.settle("refused");
  CHECK(fake.images().empty());
}

TEST_CASE("an image belongs to one version of Pyodide, and needs a folder that can be written") {
  const FakePyodide fake;
  auto options = fake.options("exit 0");
  WasmImage(options, fake.folder.path).settle("made");
  fake.folder.write("pyodide.asm.wasm", "another version");
  WasmImage(options, fake.folder.path).settle("made");
  CHECK(fake.images().size() == 2);
  options.image_folder = fake.folder.path / "pyodide.mjs";
  CHECK(WasmImage(options, fake.folder.path).mode() == WasmImage::Mode::none);
  options.keeps_image = false;
  CHECK(WasmImage(options, fake.folder.path).mode() == WasmImage::Mode::none);
}

TEST_CASE("bubblewrap shows Pyodide and Node to the loader, and nothing else of this machine") {
  const auto arguments = dspy::sandbox::arguments(
      {.node = "/opt/node/bin/node", .pyodide = "/home/me/pyodide", .bubblewrap = "/usr/bin/bwrap", .config = "{}"},
      {});
  CHECK(arguments.front() == "/usr/bin/bwrap");
  CHECK(arguments.back() == "{}");
  std::vector<std::string> shown;
  for (auto at = arguments.begin(); at != arguments.end(); ++at)
    if (*at == "--ro-bind" || *at == "--bind") shown.push_back(at[1] + ">" + at[2]);
  CHECK(shown ==
        std::vector<std::string>{"/usr>/usr", "/opt/node/bin/node>/opt/node/bin/node", "/home/me/pyodide>/pyodide"});
  CHECK(std::ranges::contains(arguments, "--allow-fs-read=/pyodide/*"));
  CHECK(std::ranges::contains(arguments, "--unshare-all"));
  CHECK_FALSE(std::ranges::contains(arguments, "--proc"));
  CHECK(std::ranges::contains(arguments, "--experimental-permission"));
  const auto newer = dspy::sandbox::arguments({.node = "/node", .pyodide = "/pyodide", .node_major = 24}, {});
  CHECK(std::ranges::contains(newer, "--permission"));
}
