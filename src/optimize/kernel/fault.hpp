#pragma once

#include "dspy/base/error.hpp"

#include <stdexcept>
#include <string>

namespace dspy::optimize {

/// True for what says nothing about a program's prompts: no server, no money, no time.  It is never scored.
bool is_infrastructure(Errc code) noexcept;

/// Thrown where a search cannot go on: what was measured so far stands.
class Halt : public std::runtime_error {
 public:
  Halt(Errc code, const std::string& reason) : std::runtime_error(reason), code_(code) {}
  Errc code() const noexcept { return code_; }

 private:
  Errc code_;
};

}  // namespace dspy::optimize
