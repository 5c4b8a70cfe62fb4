#pragma once

#include "dspy/optimize/finetune_data.hpp"
#include "dspy/optimize/kernel/search.hpp"

namespace dspy::optimize {

/// Runs `program` on the training examples, and keeps the conversations of those that came out well.
FinetuneData finetune_rows(Search& search, const Program& program, const Training& training,
                           const FinetuneDataOptions& options);

}  // namespace dspy::optimize
