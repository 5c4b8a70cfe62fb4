#include "agents/sandbox/python_session.hpp"

#include "agents/sandbox/runner.hpp"
#include "agents/sandbox/seccomp.hpp"
#include "dspy/base/base64.hpp"
#include "dspy/base/error.hpp"

#include <format>
#include <optional>
#include <span>
#include <utility>

namespace dspy {
namespace {

JsonObject limits_of(const PythonOptions& options) {
  return {{"CPU", options.cpu_seconds},
          {"AS", options.memory_bytes},
          {"FSIZE", options.scratch_bytes},
          {"NOFILE", options.open_files},
          {"CORE", 0},
          {"MEMLOCK", 0},
          {"MSGQUEUE", 0},
          {"SIGPENDING", 64},
          {"NPROC", 16}};
}

std::string config_text(const PythonOptions& options, bool is_sandboxed, std::string_view filter) {
  JsonArray readable{"/usr"};
  for (const auto& place : options.readable) readable.emplace_back(place);
  return to_text(JsonObject{{"limits", limits_of(options)},
                            {"sandboxed", is_sandboxed},
                            {"output_cap", options.output_letters},
                            {"readable", std::move(readable)},
                            {"seccomp", base64::encode(std::as_bytes(std::span(filter)))}});
}

const std::vector<std::string> environment = {"PATH=/usr/bin",     "HOME=/tmp",
                                              "TMPDIR=/tmp",       "LANG=C.UTF-8",
                                              "LC_ALL=C.UTF-8",    "PYTHONDONTWRITEBYTECODE=1",
                                              "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1"};

/// All of the machine that is inside; the filter comes through descriptor 3.
std::vector<std::string> sandboxed_command(const std::string& bubblewrap, const PythonOptions& options) {
  std::vector<std::string> out = {bubblewrap,
                                  "--unshare-all",
                                  "--unshare-user",
                                  "--disable-userns",
                                  "--die-with-parent",
                                  "--new-session",
                                  "--cap-drop",
                                  "ALL",
                                  "--uid",
                                  "65534",
                                  "--gid",
                                  "65534",
                                  "--hostname",
                                  "sandbox",
                                  "--ro-bind",
                                  "/usr",
                                  "/usr",
                                  "--symlink",
                                  "usr/lib",
                                  "/lib",
                                  "--symlink",
                                  "usr/lib64",
                                  "/lib64",
                                  "--symlink",
                                  "usr/bin",
                                  "/bin",
                                  "--dev",
                                  "/dev",
                                  "--size",
                                  std::to_string(options.scratch_bytes),
                                  "--tmpfs",
                                  "/tmp"};
  for (const auto& place : options.readable) out.insert(out.end(), {"--ro-bind", place, place});
  out.insert(out.end(), {"--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", "--seccomp", "3", "--"});
  return out;
}

}  // namespace

PythonInterpreter::Session::Session(std::vector<HostFunction> given, PythonOptions chosen)
    : sandbox::Session(
          std::move(given),
          {.message_bytes = chosen.message_bytes, .start_limit = chosen.start_limit, .grace = chosen.grace}),
      options(std::move(chosen)) {}

std::unique_ptr<process::Child> PythonInterpreter::Session::started(process::Child::Handlers handlers) {
  const auto bubblewrap = process::find_program("bwrap");
  const bool is_sandboxed = !bubblewrap.empty() || !options.allow_unsandboxed;
  if (bubblewrap.empty() && is_sandboxed)
    throw Error(
        Errc::unsupported,
        "the code was not run, because no sandbox is available: `bwrap` was not found; install bubblewrap (0.8 or "
        "newer), or set PythonOptions::allow_unsandboxed for code that you wrote yourself");
  process::ChildOptions how{.environment = environment};
  std::optional<process::MemoryFile> filter;
  std::string inner;
  if (is_sandboxed) {
    how.argv = sandboxed_command(bubblewrap, options);
    filter.emplace(sandbox::filters().outer);
    how.files = {filter->fd()};
    inner = sandbox::filters().inner;
  }
  how.argv.insert(how.argv.end(), {options.python, "-I", "-c", std::string(sandbox::runner),
                                   config_text(options, is_sandboxed, inner)});
  return std::make_unique<process::Child>(how, std::move(handlers));
}

std::string PythonInterpreter::Session::accepted(const interpreter::Ready& ready) {
  if (!ready.layers.contains("seccomp")) return "none: allow_unsandboxed was set";
  std::string out = "bubblewrap, seccomp";
  if (const auto* const landlock = ready.layers.if_contains("landlock"); landlock != nullptr && landlock->is_int64())
    out += std::format(", landlock {}", landlock->get_int64());
  return out;
}

std::string PythonInterpreter::Session::remedy() const {
  return "allow user namespaces (`sysctl user.max_user_namespaces kernel.apparmor_restrict_unprivileged_userns`), or "
         "run it elsewhere through a remote interpreter";
}

}  // namespace dspy
