#pragma once

#include <cstddef>

namespace dspy::optimize {

/// Whether a candidate can still be as good as the program it is compared with, judged example by example.
///
/// The examples are those of one finite set, in an order drawn at random, and scores are between 0 and 1.  A candidate
/// that is at least as good on the whole set is called lost with a probability of at most `alpha`, however often the
/// answer is looked at.  One that cannot win even with full scores on all examples left is lost for certain.
///
/// The test is a bet against "at least as good" on each difference, whose capital has an expectation of at most 1 while
/// that is true (Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting", sampling
/// without replacement; Ville's inequality).  A value, for one thread.
class Race {
 public:
  /// Throws `Error` (`invalid_parameter`) for no examples, or an `alpha` that is not between 0 and 1.
  Race(std::size_t examples, double alpha);

  /// The scores of both on the next example.  Throws `Error` (`invalid_parameter`) for one outside 0 and 1, or for more
  /// examples than there are.
  void add(double candidate, double incumbent);
  bool is_lost() const noexcept { return is_lost_; }

 private:
  double count_;
  double alpha_;
  double seen_ = 0;
  double sum_ = 0, squares_ = 0;  ///< Of the differences, which are moved into 0 to 1.
  double capital_ = 1;
  bool is_lost_ = false;
};

}  // namespace dspy::optimize
