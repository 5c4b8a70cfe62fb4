#pragma once

#include "agents/process/child.hpp"
#include "agents/process/descriptor.hpp"

#include <sys/types.h>

#include <array>
#include <string_view>

namespace dspy::process {

/// Throws `Error` (`io_error`) with what the system says about `error`.
[[noreturn]] void fail(std::string_view what, int error);

struct Ends {
  Descriptor ours, theirs;
};

/// Our end writes without SIGPIPE, which a pipe cannot.
Ends input_pair();
Ends output_pair();

/// Starts the program in a process group of its own, with these as its first descriptors.
pid_t spawn(const ChildOptions& options, const std::array<int, 3>& standard);

}  // namespace dspy::process
