// The plug-in's door: opens libllama once for the process, carries its log lines to ours and names the devices.

#include "guard.hpp"
#include "model.hpp"
#include "openmp.hpp"
#include "quantize.hpp"
#include "senses.hpp"

#include <llama.h>

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#ifndef DSPY_LLAMA_VERSION
#error \
    "define DSPY_LLAMA_VERSION as the version of the libllama headers, such as \"0.7.0\"; they do not say it themselves"
#endif

namespace dspy::llama::plugin {

Host host;
thread_local int guard_depth = 0;
thread_local std::string* wanted_errors = nullptr;

void fail(Errc code, const std::string& message) {
  host.fail(code, message);
  std::terminate();  // `fail` throws
}

namespace {

void on_abort(const char* message) {
  if (guard_depth > 0 && !is_in_parallel_region()) throw Aborted{message ? message : "an assertion failed"};
  host.log(LogLevel::error, std::string("the inference library ends the process: ") + (message ? message : ""));
}

/// A line that libllama has not finished yet.
struct Line {
  std::mutex mutex;
  std::string text;
  LogLevel level = LogLevel::debug;
};

/// libllama logs lines in pieces, from any thread; most of its "info" is about its own insides.
void on_log(ggml_log_level level, const char* text, void*) {
  static auto& line = *new Line;  // outlives whatever logs at the end of the process
  std::unique_lock lock(line.mutex);
  switch (level) {
    case GGML_LOG_LEVEL_CONT: break;
    case GGML_LOG_LEVEL_WARN: line.level = LogLevel::warning; break;
    case GGML_LOG_LEVEL_ERROR: line.level = LogLevel::error; break;
    default: line.level = LogLevel::debug; break;
  }
  line.text += text;
  if (line.text.size() < 4096 && !line.text.ends_with('\n')) return;
  while (line.text.ends_with('\n')) line.text.pop_back();
  if (line.level == LogLevel::error && wanted_errors) {
    if (!wanted_errors->empty()) *wanted_errors += "; ";
    *wanted_errors += line.text;
  }
  const auto whole = std::exchange(line.text, {});
  const auto whole_level = line.level;
  lock.unlock();  // the sink may call the library
  if (!whole.empty()) host.log(whole_level, whole);
}

/// "0.7.0" → "0.7".
std::string_view series(std::string_view version) {
  const auto minor = version.find('.');
  return minor == version.npos ? version : version.substr(0, version.find('.', minor + 1));
}

DeviceKind kind_of(enum ggml_backend_dev_type type) {
  switch (type) {
    case GGML_BACKEND_DEVICE_TYPE_GPU: return DeviceKind::gpu;
    case GGML_BACKEND_DEVICE_TYPE_IGPU: return DeviceKind::integrated_gpu;
    case GGML_BACKEND_DEVICE_TYPE_CPU: return DeviceKind::cpu;
    default: return DeviceKind::accelerator;
  }
}

/// Drivers that compute on the processor say so in their names; ggml's list of devices does not tell which they are.
bool is_software(const ggml_backend_dev_props& properties) {
  if (properties.type != GGML_BACKEND_DEVICE_TYPE_GPU && properties.type != GGML_BACKEND_DEVICE_TYPE_IGPU) return false;
  std::string text = properties.description != nullptr ? properties.description : "";
  for (auto& letter : text) letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  for (const auto* name : {"llvmpipe", "lavapipe", "swiftshader", "softpipe", "software rasterizer", "basic render"}) {
    if (text.contains(name)) return true;
  }
  return false;
}

std::string text_of(const char* text) {
  return text ? text : "";
}

/// All, the best for this processor first; or the one that the environment variable DSPY_CPU names (see
/// kernels/target.hpp), so that the library can be compared with on processors that this one contains.
void load_backends() {
  const char* const wanted = std::getenv("DSPY_CPU");
  constexpr std::pair<std::string_view, std::string_view> variants[] = {{"avx2", "haswell"},
                                                                        {"avx2_vnni", "alderlake"},
                                                                        {"avx512", "skylakex"},
                                                                        {"avx512_vnni", "icelake"},
                                                                        {"amx", "sapphirerapids"}};
  for (const auto& [name, variant] : variants) {
    if (!wanted || name != wanted) continue;
    // Debian keeps them in a folder below the one where libggml lies.
    Dl_info library{};
    if (::dladdr(reinterpret_cast<const void*>(&ggml_backend_load_all), &library) == 0 || !library.dli_fname) break;
    const auto end = "libggml-cpu-" + std::string(variant) + ".so";
    std::error_code error;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             std::filesystem::path(library.dli_fname).parent_path() / "ggml", error))
      if (entry.path().filename() == end && ggml_backend_load(entry.path().c_str())) return;
  }
  ggml_backend_load_all();
}

class LibllamaRuntime final : public Runtime {
 public:
  LibllamaRuntime() {
    llama_log_set(on_log, nullptr);
    log_senses(on_log);
    ggml_set_abort_callback(on_abort);
    guarded(Errc::backend_error, "cannot start the inference library", [] {
      load_backends();
      llama_backend_init();
    });
    if (ggml_backend_dev_count() == 0)
      fail(Errc::backend_error,
           "libggml found no device, not even a CPU backend; install its backends (Debian: package libggml0)");
  }

  std::string version() const override { return llama_version(); }

  std::vector<RuntimeDevice> devices() override {
    return guarded(Errc::backend_error, "cannot list the devices", [] {
      std::vector<RuntimeDevice> found;
      for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
        const auto device = ggml_backend_dev_get(i);
        ggml_backend_dev_props properties{};
        ggml_backend_dev_get_props(device, &properties);
        found.push_back({.name = text_of(properties.name),
                         .description = text_of(properties.description),
                         .backend = text_of(ggml_backend_reg_name(ggml_backend_dev_backend_reg(device))),
                         .id = text_of(properties.device_id),
                         .kind = kind_of(properties.type),
                         .memory_free = properties.memory_free,
                         .memory_total = properties.memory_total,
                         .software = is_software(properties)});
      }
      return found;
    });
  }

  std::unique_ptr<RuntimeModel> load_model(const RuntimeLoadOptions& options) override { return load(options); }

  std::vector<std::string> quantizations() override { return plugin::quantizations(); }
  void quantize(const RuntimeQuantizeOptions& options) override { plugin::quantize(options); }
};

}  // namespace
}  // namespace dspy::llama::plugin

extern "C" {

__attribute__((visibility("default"))) const char* dspy_llama_plugin_abi() {
  return dspy::llama::plugin_abi;
}

__attribute__((visibility("default"))) dspy::llama::Runtime* dspy_llama_plugin_open(const dspy::llama::Host& host) {
  using namespace dspy::llama;
  plugin::host = host;
  // Its options travel by value, so another series would read them wrongly and corrupt the stack.
  const std::string loaded = llama_version();
  if (plugin::series(loaded) != plugin::series(DSPY_LLAMA_VERSION))
    plugin::fail(dspy::Errc::backend_error, "this plug-in was built for libllama " DSPY_LLAMA_VERSION
                                            " and found libllama " +
                                                loaded + "; install the matching libllama, or build dspy again");
  static auto* const runtime = new plugin::LibllamaRuntime;
  return runtime;
}

}  // extern "C"
