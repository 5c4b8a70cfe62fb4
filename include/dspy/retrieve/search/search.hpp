#pragma once

#include "dspy/base/async.hpp"
#include "dspy/modules/predict.hpp"
#include "dspy/modules/run.hpp"
#include "dspy/retrieve/fusion.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/retrieve/retriever.hpp"
#include "dspy/signature/prediction.hpp"
#include "dspy/signature/signature.hpp"

#include <cstddef>
#include <string>
#include <vector>

// Searches that ask a language model what to look for.  Each is a program: a plain struct with a retriever and
// predictors as members, run by `call(program, question)`, and a part of larger programs by `co_await
// program.run(question, how)`.

namespace dspy {

/// Asks for the query that a question should be looked for by, and looks for that.
struct RewrittenSearch {
  Retriever search;
  Predict<> rewrite{instructions()};

  Async<std::vector<Hit>> run(std::string question, Run how) const;
  static Signature instructions();
};

/// Searches with several wordings of a question, and fuses the results.
struct MultiQuery {
  Retriever search;
  std::size_t queries = 3;  ///< Maximum number of wordings besides the question.
  FusionOptions fusion = {};
  Predict<> write{instructions()};

  Async<std::vector<Hit>> run(std::string question, Run how) const;
  static Signature instructions();
};

/// Looks, reads what was found, and looks for what is still missing (Baleen: Khattab et al. 2021).
struct MultiHop {
  Retriever search;
  std::size_t hops = 2;
  Predict<> next{instructions()};

  struct Output {
    std::vector<Hit> hits = {};             ///< Of all hops, those of the first first, each once.
    std::vector<std::string> queries = {};  ///< What was looked for, hop by hop.
  };

  /// Ends early where the model repeats a query, or has none.
  Async<Output> run(std::string question, Run how) const;
  static Signature instructions();
};

/// Passages as a prompt shows them: `[1] text`, a blank line between them.
std::string numbered(const std::vector<Hit>& hits);

/// Answers a question from the passages that a search finds, with marks `[1]` of passages that support it.
struct Rag {
  Retriever search;
  Predict<> answer{instructions()};
  /// Passages are shown by source and place, not best first.  Prompts of questions about the same documents then share
  /// a prefix, which an engine prefills once.
  bool keeps_document_order = false;

  struct Output {
    std::string answer = {};
    std::vector<Hit> hits = {};  ///< In the order in which the prompt shows them.
    Prediction prediction = {};
  };

  Async<Output> run(std::string question, Run how) const;
  static Signature instructions();
};

}  // namespace dspy
