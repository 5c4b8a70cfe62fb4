#include "agents/sandbox/wasm_session.hpp"

#include "agents/sandbox/runner.hpp"
#include "agents/sandbox/seccomp.hpp"
#include "agents/sandbox/wasm_package.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"

#include <format>
#include <optional>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

/// In the image, so that code finds them loaded.
constexpr std::string_view imports =
    "import ast, collections, datetime, functools, itertools, json, linecache, math, os, random, re, signal, "
    "statistics, "
    "string, struct, traceback, types";

std::string text_of(const JsonObject& layers, std::string_view name) {
  const auto* const value = layers.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(view(value->get_string())) : "?";
}

}  // namespace

WasmInterpreter::Session::Session(std::vector<HostFunction> given, WasmOptions chosen)
    : sandbox::Session(
          std::move(given),
          {.message_bytes = chosen.message_bytes, .start_limit = chosen.start_limit, .grace = chosen.grace}),
      options(std::move(chosen)) {
  if (options.memory_bytes < std::uint64_t{64} << 20)
    throw Error(Errc::invalid_parameter, "Python in WebAssembly needs WasmOptions::memory_bytes of at least 64 MiB");
}

std::unique_ptr<process::Child> WasmInterpreter::Session::started(process::Child::Handlers handlers) {
  sandbox::WasmCommand command{.node = sandbox::node_program(options), .pyodide = sandbox::pyodide_folder(options)};
  command.node_major = sandbox::node_major(command.node);
  if (options.around != WasmOptions::Around::nothing) command.bubblewrap = process::find_program("bwrap");
  is_wrapped = !command.bubblewrap.empty();
  if (!is_wrapped && options.around == WasmOptions::Around::bubblewrap)
    throw Error(Errc::unsupported,
                "the code was not run, because `bwrap`, which WasmOptions::around asks for, was not found; install "
                "bubblewrap (0.8 or newer)");
  process::ChildOptions how{.environment = {"PATH=/usr/bin", "LANG=C.UTF-8", "UV_USE_IO_URING=0"}};
  std::optional<process::MemoryFile> filter;
  if (is_wrapped) {
    filter.emplace(sandbox::filters().threads);
    how.files.push_back(filter->fd());
  }
  image = sandbox::WasmImage(options, command.pyodide);
  if (image.fd() >= 0) how.files.push_back(image.fd());
  command.config = to_text(JsonObject{
      {"folder", sandbox::inner_folder(command)},
      {"image", JsonObject{{"mode", to_string(image.mode())}, {"file", 2 + static_cast<int>(how.files.size())}}},
      {"imports", imports},
      {"runner", sandbox::wasm_runner},
      {"python", JsonObject{{"output_cap", options.output_letters}}}});
  how.argv = sandbox::arguments(command, options);
  return std::make_unique<process::Child>(how, std::move(handlers));
}

std::string WasmInterpreter::Session::accepted(const interpreter::Ready& ready) {
  image.settle(text_of(ready.layers, "image"));
  return std::format("WebAssembly (Pyodide {}), permissions of Node {}{}", text_of(ready.layers, "pyodide"),
                     text_of(ready.layers, "node"), is_wrapped ? ", bubblewrap, seccomp" : "; no bubblewrap");
}

std::string WasmInterpreter::Session::remedy() const {
  std::string out = "use Node 20 or newer with a whole package `pyodide` (`npm install pyodide`)";
  if (is_wrapped)
    out +=
        ", and allow user namespaces (`sysctl user.max_user_namespaces "
        "kernel.apparmor_restrict_unprivileged_userns`) or set WasmOptions::around to `nothing`";
  return out;
}

}  // namespace dspy
