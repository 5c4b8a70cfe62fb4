#include "agents/sandbox/seccomp.hpp"

#include "dspy/base/error.hpp"

#ifdef DSPY_WITH_SECCOMP

#include "agents/process/child.hpp"

#include <sched.h>
#include <seccomp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

namespace dspy::sandbox {
namespace {

/// Names that this libseccomp or architecture does not know are skipped: such a call cannot be made.
constexpr std::array forbidden = {
    // Talking to others
    "socket", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg", "socketcall",
    // Other processes
    "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_open", "pidfd_getfd",
    "pidfd_send_signal", "kcmp", "process_madvise", "setpgid", "setsid",
    // Namespaces and file systems
    "unshare", "setns", "mount", "umount", "umount2", "mount_setattr", "open_tree", "move_mount", "fsopen", "fsconfig",
    "fsmount", "fspick", "pivot_root", "chroot", "mknod", "mknodat", "name_to_handle_at", "open_by_handle_at",
    "fanotify_init", "fanotify_mark", "quotactl", "quotactl_fd", "swapon", "swapoff", "acct",
    // The kernel
    "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot",
    "syslog", "lookup_dcookie", "vmsplice", "personality", "iopl", "ioperm", "modify_ldt", "vm86", "vm86old", "uselib",
    "ustat", "_sysctl", "nfsservctl", "lsm_set_self_attr",
    // The machine's clock, names and users
    "settimeofday", "clock_settime", "clock_settime64", "clock_adjtime", "clock_adjtime64", "adjtimex", "stime",
    "sethostname", "setdomainname", "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups",
    "setfsuid", "setfsgid", "capset",
    // Memory that no limit counts
    "memfd_create", "memfd_secret", "shmget", "shmat", "shmctl", "msgget", "msgsnd", "semget", "mq_open", "mlock",
    "mlock2", "mlockall", "mbind", "set_mempolicy", "migrate_pages", "move_pages"};

/// Only after the sandbox is closed.
constexpr std::array forbidden_later = {
    "execve", "execveat", "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"};

struct Release {
  void operator()(scmp_filter_ctx context) const noexcept { seccomp_release(context); }
};

void require(int result, const char* what) {
  if (result < 0)
    throw Error(Errc::unsupported, std::string("the system call filter could not be created (") + what + ")");
}

enum class Stage { outer, inner, threads };

std::string exported(Stage stage) {
  const std::unique_ptr<void, Release> context(seccomp_init(SCMP_ACT_ALLOW));
  if (!context) throw Error(Errc::unsupported, "the system call filter could not be started");
  const auto forbid = [&](const char* name, int error) {
    const auto number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) return;
    require(seccomp_rule_add(context.get(), SCMP_ACT_ERRNO(static_cast<unsigned>(error)), number, 0), name);
  };
  for (const auto* const name : forbidden) forbid(name, EPERM);
  if (stage == Stage::threads) {
    const auto is_process = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0);
    require(seccomp_rule_add(context.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, is_process), "clone");
  } else {
    forbid("clone", EPERM);
  }
  forbid("clone3", ENOSYS);  // its flags are in memory, where a filter cannot look
  if (stage == Stage::inner)
    for (const auto* const name : forbidden_later) forbid(name, EPERM);
  const process::MemoryFile file("");
  require(seccomp_export_bpf(context.get(), file.fd()), "export");
  std::string out;
  ::lseek(file.fd(), 0, SEEK_SET);
  std::array<char, 4096> piece{};
  while (true) {
    const auto count = ::read(file.fd(), piece.data(), piece.size());
    if (count <= 0) break;
    out.append(piece.data(), static_cast<std::size_t>(count));
  }
  return out;
}

}  // namespace

const Filters& filters() {
  static const Filters made{
      .outer = exported(Stage::outer), .inner = exported(Stage::inner), .threads = exported(Stage::threads)};
  return made;
}

}  // namespace dspy::sandbox

#else

namespace dspy::sandbox {

const Filters& filters() {
  throw Error(Errc::unsupported, "the library was built without libseccomp; install libseccomp-dev and build it again");
}

}  // namespace dspy::sandbox

#endif
