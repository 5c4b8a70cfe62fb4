// Finds and opens the plug-in, once for the process.  What libgomp reads from the environment it reads while it is
// being loaded, with the plug-in; so that is when it is set.

#include "dspy/base/error.hpp"
#include "dspy/base/log.hpp"
#include "llama/model/runtime.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <mutex>
#include <optional>

#ifndef DSPY_PLUGIN_FILE
#define DSPY_PLUGIN_FILE "dspy-llama-plugin.so"
#endif

namespace dspy::llama {
namespace {

namespace fs = std::filesystem;

/// Sets a variable for as long as it lives, unless the user has.
class DefaultVariable {
 public:
  DefaultVariable(const char* name, const char* value) : name_(name), ours_(std::getenv(name) == nullptr) {
    if (ours_) ::setenv(name, value, 1);
  }
  ~DefaultVariable() {
    if (ours_) ::unsetenv(name_);
  }
  DefaultVariable(const DefaultVariable&) = delete;
  DefaultVariable& operator=(const DefaultVariable&) = delete;

 private:
  const char* name_;
  bool ours_;
};

/// The folder of the file that holds this code: the program, or a shared library of dspy.
fs::path folder_of_this_code() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&folder_of_this_code), &info) == 0 || !info.dli_fname) return {};
  std::error_code error;
  return fs::weakly_canonical(info.dli_fname, error).parent_path();
}

fs::path folder_of_program() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

std::vector<fs::path> candidates() {
  if (const char* path = std::getenv("DSPY_LLAMA_PLUGIN"); path && *path) {
    std::error_code error;
    return {fs::is_directory(path, error) ? fs::path(path) / DSPY_PLUGIN_FILE : fs::path(path)};
  }
  std::vector<fs::path> found;
  const auto add = [&](const fs::path& folder) {
    if (folder.empty()) return;
    const auto path = (folder / DSPY_PLUGIN_FILE).lexically_normal();
    if (std::ranges::find(found, path) == found.end()) found.push_back(path);
  };
  for (const auto& folder : {folder_of_program(), folder_of_this_code()}) {
    if (folder.empty()) continue;
    add(folder.parent_path() / "lib" / "dspy");
    add(folder / "dspy");
    add(folder);
  }
#ifdef DSPY_PLUGIN_BUILD_DIR
  add(DSPY_PLUGIN_BUILD_DIR);
#endif
#ifdef DSPY_PLUGIN_INSTALL_DIR
  add(DSPY_PLUGIN_INSTALL_DIR);
#endif
  return found;
}

/// Set when the process ends: what a sink refers to may be gone then.
std::atomic<bool> silent = false;

void log_from_plugin(LogLevel level, std::string_view message) {
  if (!silent.load(std::memory_order_relaxed)) log(level, "libllama", message);
}

void fail_from_plugin(Errc code, const std::string& message) {
  throw Error(code, message);
}

/// dlsym's result as a function of type `F`.
template <class F>
F symbol(void* library, const char* name) {
  return reinterpret_cast<F>(::dlsym(library, name));
}

/// The reason why not, or nothing once `opened` is set.
std::optional<std::string> open(const fs::path& path, Runtime*& opened) {
  std::error_code error;
  if (!fs::exists(path, error)) return "not there";

  // RTLD_NODELETE: threads of libgomp may still run in it when the process ends.
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) {
    const char* reason = ::dlerror();
    return std::string(reason ? reason : "it cannot be opened");
  }
  const auto abi = symbol<PluginAbi>(library, plugin_abi_symbol);
  const auto open_runtime = symbol<PluginOpen>(library, plugin_open_symbol);
  if (!abi || !open_runtime) return "it is not a plug-in of dspy";
  if (std::string_view(abi()) != plugin_abi)
    return std::format("it belongs to another version of dspy (it says `{}`, this one needs `{}`)", abi(), plugin_abi);
  opened = open_runtime({.log = log_from_plugin, .fail = fail_from_plugin});
  return std::nullopt;
}

Runtime* load() {
  if (void* gomp = ::dlopen("libgomp.so.1", RTLD_NOLOAD | RTLD_LAZY)) {
    ::dlclose(gomp);
    if (!std::getenv("GOMP_SPINCOUNT"))
      log(LogLevel::warning, "llama",
          "OpenMP was loaded before the inference engine, so its idle threads spin by its own default: with other busy "
          "processes decoding may be many times slower. Start the program with GOMP_SPINCOUNT=2000 set.");
  }
  // Threads that wait spin this long before they sleep: as fast as the default when idle, and several times faster
  // beside a busy neighbour (docs/guide/local_models.md).
  const DefaultVariable spin("GOMP_SPINCOUNT", "2000");
  // Else ggml replaces the process's terminate handler with one that starts a debugger.
  const DefaultVariable no_backtrace("GGML_NO_BACKTRACE", "1");

  std::string looked;
  for (const auto& path : candidates()) {
    Runtime* opened = nullptr;
    const auto problem = open(path, opened);
    if (!problem) {
      std::atexit([] { silent.store(true, std::memory_order_relaxed); });
      log(LogLevel::debug, "llama", std::format("libllama {} through {}", opened->version(), path.string()));
      return opened;
    }
    looked += std::format("\n  {}: {}", path.string(), *problem);
  }
  throw Error(
      Errc::backend_error,
      std::format("the inference plug-in {} cannot be used. Install libllama (`./dev setup` in dspy's source "
                  "tree, or the package libllama-dev) and build dspy again, or name the file in the environment "
                  "variable DSPY_LLAMA_PLUGIN. Looked at:{}",
                  DSPY_PLUGIN_FILE, looked));
}

}  // namespace

Runtime& runtime() {
  static std::mutex mutex;
  static Runtime* loaded = nullptr;
  const std::lock_guard lock(mutex);
  if (!loaded) loaded = load();
  return *loaded;
}

}  // namespace dspy::llama
