#include "llama/jinja/values/work.hpp"

#include <format>

namespace dspy::llama::jinja {

void Work::refuse_work() const {
  fail(std::format("it does more than a chat template should (the limits are {} steps and {} bytes)", limits_.work,
                   limits_.bytes));
}

void Work::refuse_depth() {
  --depth_;
  fail(std::format("this is nested more than {} levels deep", limits_.depth));
}

}  // namespace dspy::llama::jinja
