#include "agents/process/child.hpp"
#include "agents/sandbox/wasm_package.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/text.hpp"

#include <charconv>
#include <chrono>
#include <format>
#include <future>
#include <map>
#include <mutex>
#include <string_view>

namespace dspy::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr int oldest_major = 20;
constexpr std::chrono::seconds patience{20};

/// What it answers to `--version`: `v20.20.2`.
std::string asked(const fs::path& node) {
  std::string said;
  std::promise<void> ended;
  process::Child child({.argv = {node.string(), "--version"}, .environment = {"PATH=/usr/bin"}},
                       {.on_bytes =
                            [&](std::string_view bytes) {
                              said += bytes;
                              return said.size() < 1'000;
                            },
                        .on_end = [&](const process::ChildEnd&) { ended.set_value(); }});
  const auto end = ended.get_future();
  if (end.wait_for(patience) != std::future_status::ready) child.kill();
  end.wait();
  return std::string(text::trim(said));
}

int major_of(std::string_view version) {
  int out = 0;
  if (version.starts_with('v')) std::from_chars(version.data() + 1, version.data() + version.size(), out);
  return out;
}

}  // namespace

fs::path node_program(const WasmOptions& options) {
  const auto found = process::find_program(options.node);
  if (found.empty())
    throw Error(Errc::unsupported,
                std::format("the code was not run, because `{}`, which runs WebAssembly, was not found; install nodejs "
                            "({} or newer), or set WasmOptions::node to it",
                            options.node, oldest_major));
  return fs::canonical(found);
}

int node_major(const fs::path& node) {
  static std::mutex mutex;
  static std::map<fs::path, int> known;
  const std::lock_guard lock(mutex);
  if (const auto found = known.find(node); found != known.end()) return found->second;
  const auto version = asked(node);
  const auto out = major_of(version);
  if (out < oldest_major)
    throw Error(Errc::unsupported,
                std::format("the code was not run, because `{}` is {}; install nodejs {} or newer, or set "
                            "WasmOptions::node to it",
                            node.string(), out == 0 ? "no Node" : "Node " + version, oldest_major));
  return known[node] = out;
}

}  // namespace dspy::sandbox
