#include "agents/sandbox/python_session.hpp"

#include "agents/sandbox/runner.hpp"
#include "agents/sandbox/seccomp.hpp"
#include "dspy/base/base64.hpp"
#include "dspy/base/error.hpp"

#include <format>
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

bool PythonMailbox::take(std::string_view bytes) {
  {
    const std::lock_guard lock(mutex_);
    try {
      frames_.feed(bytes);
      while (auto message = frames_.next()) {
        // An interpreter speaks when it is spoken to: one message, or a call and what follows its answer.
        if (messages_.size() >= 16)
          throw Error(Errc::backend_error, "the interpreter sent unexpected messages; it was ended");
        messages_.push_back(*std::move(message));
      }
    } catch (const Error& error) {
      broken_ = error.what();
    }
    if (!broken_.empty()) messages_.clear();
  }
  bell->ring();
  return broken_.empty();
}

void PythonMailbox::take_end(const process::ChildEnd& end) {
  {
    const std::lock_guard lock(mutex_);
    end_ = end;
  }
  bell->ring();
}

void PythonMailbox::take_alarm() {
  {
    const std::lock_guard lock(mutex_);
    alarm_ = true;
  }
  bell->ring();
}

std::optional<PythonMailbox::Letter> PythonMailbox::next() {
  const std::lock_guard lock(mutex_);
  if (!messages_.empty()) {
    Letter out{.message = std::move(messages_.front())};
    messages_.pop_front();
    return out;
  }
  if (end_) return Letter{.is_end = true};
  if (std::exchange(alarm_, false)) return Letter{.is_alarm = true};
  return std::nullopt;
}

std::string PythonMailbox::reason() const {
  const std::lock_guard lock(mutex_);
  if (!broken_.empty()) return broken_;
  return end_ ? "the interpreter " + process::to_text(*end_) : std::string();
}

void PythonMailbox::forget_alarm() {
  const std::lock_guard lock(mutex_);
  alarm_ = false;
}

void PythonMailbox::cancel() {
  {
    const std::lock_guard lock(mutex_);
    is_cancelled_ = true;
  }
  bell->ring();
}

bool PythonMailbox::is_cancelled() const {
  const std::lock_guard lock(mutex_);
  return is_cancelled_;
}

void PythonInterpreter::Session::start() {
  if (child && child->is_running()) return;
  drop();
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
  mailbox = std::make_shared<PythonMailbox>(options.message_bytes);
  child = std::make_unique<process::Child>(
      how, process::Child::Handlers{.on_bytes = [box = mailbox](std::string_view bytes) { return box->take(bytes); },
                                    .on_end = [box = mailbox](const process::ChildEnd& end) { box->take_end(end); },
                                    .on_alarm = [box = mailbox] { box->take_alarm(); }});
}

void PythonInterpreter::Session::drop() {
  child.reset();
  mailbox.reset();
  is_ready = false;
}

}  // namespace dspy
