#pragma once

#include <string>

namespace dspy::sandbox {

/// Filters for system calls, as the kernel takes them (BPF): what is not for computing fails with EPERM.  Throw `Error`
/// (`unsupported`) where the library was built without libseccomp, or the kernel's architecture is unknown to it.
struct Filters {
  std::string outer;    ///< From the start: the interpreter itself may still be started.
  std::string inner;    ///< From when the interpreter is ready: nothing may be started any more.
  std::string threads;  ///< As `outer`, for an interpreter that needs threads of its own.
};

const Filters& filters();

}  // namespace dspy::sandbox
