#pragma once

#include "dspy/base/error.hpp"

#include <string>
#include <string_view>

namespace dspy::llama {

/// What ails a graphics card, by what its driver or the inference library said of it.
enum class DeviceFault {
  none,    ///< Something else.
  memory,  ///< It has no room.
  lost,    ///< It was reset, removed or taken away; what was on it is gone.
};

DeviceFault device_fault(std::string_view message) noexcept;

/// The error as the user of `model` should read it: what happened to the card, and what helps.  Unchanged where it is
/// no fault of a device.
Error explained(const Error& error, const std::string& model, const std::string& placement);

}  // namespace dspy::llama
