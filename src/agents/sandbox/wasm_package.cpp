#include "agents/sandbox/wasm_package.hpp"

#include "agents/sandbox/runner.hpp"
#include "dspy/base/error.hpp"

#include <cstdint>
#include <cstdlib>
#include <format>
#include <system_error>

namespace dspy::sandbox {
namespace {

namespace fs = std::filesystem;

/// Node's own, beside Python's; and what may lie around both.
constexpr std::uint64_t node_mebibytes = 128, spare_mebibytes = 512;
constexpr std::uint64_t image_blocks = (std::uint64_t{256} << 20) / 512;
constexpr std::uint64_t page_bytes = 65'536;

bool is_pyodide(const fs::path& folder) {
  std::error_code error;
  for (const auto* const file : {"pyodide.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json"})
    if (!fs::is_regular_file(folder / file, error)) return false;
  return true;
}

std::vector<fs::path> places(const WasmOptions& options) {
  if (!options.pyodide.empty()) return {options.pyodide};
  const auto* const given = std::getenv("DSPY_PYODIDE");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (given != nullptr && *given != '\0') return {given};
  std::vector<fs::path> out;
  std::error_code error;
  for (auto folder = fs::current_path(error); !folder.empty(); folder = folder.parent_path()) {
    out.push_back(folder / "node_modules/pyodide");
    if (folder == folder.parent_path()) break;
  }
  for (const auto* const folder : {"/usr/local/lib/node_modules/pyodide", "/usr/lib/node_modules/pyodide"})
    out.emplace_back(folder);
  return out;
}

}  // namespace

fs::path pyodide_folder(const WasmOptions& options) {
  const auto tried = places(options);
  for (const auto& place : tried)
    if (is_pyodide(place)) return fs::canonical(place);
  throw Error(Errc::unsupported,
              std::format("the code was not run: Pyodide (Python in WebAssembly) was not found in `{}`{}; run `npm "
                          "install pyodide`, and set WasmOptions::pyodide or DSPY_PYODIDE to `node_modules/pyodide`",
                          tried.front().string(), tried.size() > 1 ? " or in any other usual place" : ""));
}

std::string inner_folder(const WasmCommand& command) {
  return command.bubblewrap.empty() ? command.pyodide.string() : "/pyodide";
}

std::vector<std::string> arguments(const WasmCommand& command, const WasmOptions& options) {
  std::vector<std::string> out;
  if (!command.bubblewrap.empty()) {
    out = {command.bubblewrap, "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent"};
    for (const auto* const each :
         {"--new-session", "--cap-drop", "ALL",       "--uid",   "65534",     "--gid",   "65534", "--hostname",
          "sandbox",       "--ro-bind",  "/usr",      "/usr",    "--symlink", "usr/lib", "/lib",  "--symlink",
          "usr/lib64",     "/lib64",     "--symlink", "usr/bin", "/bin",      "--dev",   "/dev"})
      out.emplace_back(each);
    if (!command.node.string().starts_with("/usr/"))
      out.insert(out.end(), {"--ro-bind", command.node.string(), command.node.string()});
    out.insert(out.end(), {"--ro-bind", command.pyodide.string(), inner_folder(command)});
    for (const auto* const each :
         {"--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/pyodide", "--seccomp", "3", "--"})
      out.emplace_back(each);
  }
  const auto memory = options.memory_bytes >> 20;
  const auto limits =
      std::format("ulimit -c 0; ulimit -n 64; ulimit -f {}; ulimit -t {}; ulimit -d {}; exec \"$@\"", image_blocks,
                  options.cpu_seconds, (memory + node_mebibytes + spare_mebibytes) * 1024);
  out.insert(out.end(), {"/bin/sh", "-c", limits, "sh", command.node.string()});
  out.insert(out.end(),
             {"--no-warnings", command.node_major < 23 ? "--experimental-permission" : "--permission",
              "--disallow-code-generation-from-strings", std::format("--allow-fs-read={}/*", inner_folder(command)),
              std::format("--wasm-max-mem-pages={}", options.memory_bytes / page_bytes),
              std::format("--max-old-space-size={}", node_mebibytes), "--input-type=module", "-e",
              std::string(wasm_loader), command.config});
  return out;
}

}  // namespace dspy::sandbox
