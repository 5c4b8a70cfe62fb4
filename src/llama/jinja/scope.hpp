#pragma once

#include "llama/jinja/values/value.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::llama::jinja {

/// The names that a part of a template sees: its own, then those around it.
class Scope : public std::enable_shared_from_this<Scope> {
 public:
  explicit Scope(std::shared_ptr<Scope> around) : around_(std::move(around)) {}

  const Value* find(std::string_view name) const noexcept {
    for (const auto* scope = this; scope != nullptr; scope = scope->around_.get()) {
      for (const auto& [known, value] : scope->names_) {
        if (known == name) return &value;
      }
    }
    return nullptr;
  }

  void set(std::string_view name, Value value) {
    for (auto& [known, held] : names_) {
      if (known == name) {
        held = std::move(value);
        return;
      }
    }
    names_.emplace_back(name, std::move(value));
  }

  std::shared_ptr<Scope> inside() { return std::make_shared<Scope>(shared_from_this()); }

 private:
  std::shared_ptr<Scope> around_;
  std::vector<std::pair<std::string, Value>> names_;
};

}  // namespace dspy::llama::jinja
