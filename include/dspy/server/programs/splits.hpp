#pragma once

#include "dspy/server/catalog.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

/// An A/B experiment over versions of a program that are served under names of their own.
struct Split {
  struct Arm {
    std::string program = {};  ///< As in the catalog.
    double weight = 1;
  };

  std::string experiment = {};  ///< Its name: the seed of the assignment.
  std::vector<Arm> arms = {};
};

/// Which version of a program answers a caller.  Thread-safe.
class Splits {
 public:
  /// From now on calls of `program` are divided.  Throws `Error` (`invalid_parameter`) for fewer than two arms, or
  /// weights that are no weights.
  void start(std::string program, Split split);
  /// Returns whether there was one.
  bool stop(std::string_view program);
  std::map<std::string, Split, std::less<>> all() const;

  /// What answers a call of `name` by `unit`, which always gets the same arm; itself where there is no experiment, or
  /// its arm is not served.  Null if there is no such program.
  struct Chosen {
    std::shared_ptr<const ServedProgram> program = {};
    std::string experiment = {};  ///< Empty: none.
    std::string arm = {};
  };
  Chosen choose(const Catalog& catalog, std::string_view name, std::string_view unit) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Split, std::less<>> splits_;
};

}  // namespace dspy::server
