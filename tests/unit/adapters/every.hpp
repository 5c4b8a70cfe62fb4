#pragma once

#include "dspy/adapters/adapter.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace dspy::test {

/// An adapter with a form of its own for replies, and the folder of its cases under `tests/cases`.
struct EachAdapter {
  std::string_view name;
  OutputContract::Form form;

  std::shared_ptr<const Adapter> make() const { return adapter(name); }
};

inline const std::vector<EachAdapter> every_adapter = {
    {"field", OutputContract::Form::fields},
    {"chat", OutputContract::Form::markers},
};

}  // namespace dspy::test
