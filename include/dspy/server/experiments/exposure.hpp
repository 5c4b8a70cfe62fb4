#pragma once

#include <string>

namespace dspy::server {

/// A call that an experiment gave to one of its arms.
struct Exposure {
  std::string tenant = {};
  std::string experiment = {};
  std::string arm = {};
  std::string unit = {};   ///< Whom the experiment assigned.
  std::string trace = {};  ///< The id of the call's trace.
};

}  // namespace dspy::server
