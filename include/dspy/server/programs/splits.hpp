#pragma once

#include "dspy/server/catalog.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {

/// An A/B experiment over versions of a program.
struct Split {
  struct Arm {
    std::string program = {};  ///< As in the catalog, where the version is served under a name of its own.
    double weight = 1;
    std::string name = {};                              ///< Empty: the program's.
    std::shared_ptr<const ServedProgram> version = {};  ///< Else a version that only the experiment serves.
  };

  std::string experiment = {};  ///< Its name: the seed of the assignment.
  std::vector<Arm> arms = {};
  bool is_recorded = false;  ///< Its calls are told to `ProgramsOptions::on_exposure`.
};

/// Which version of a program answers a caller, whatever endpoint is asked.  Thread-safe.
class Splits {
 public:
  /// From now on calls of `program` are divided: those of one tenant, or of all that have no experiment of their own.
  /// Throws `Error` (`invalid_parameter`) for fewer than two arms, or weights that are not weights.
  void start(std::string program, Split split, std::optional<std::string> tenant = {});
  /// Returns whether there was one.
  bool stop(std::string_view program, const std::optional<std::string>& tenant = {});

  /// What answers a call of `name` by `unit`, which always gets the same arm; itself where there is no experiment, or
  /// its arm is not served.  Null if there is no such program.
  struct Chosen {
    std::shared_ptr<const ServedProgram> program = {};
    std::string experiment = {};  ///< Empty: none.
    std::string arm = {};
    bool is_recorded = false;
  };
  Chosen choose(const Catalog& catalog, std::string_view name, std::string_view unit,
                std::string_view tenant = {}) const;

 private:
  using Key = std::pair<std::string, std::optional<std::string>>;  ///< Program and tenant.

  std::shared_ptr<const Split> find(std::string_view program, std::string_view tenant) const;

  mutable std::mutex mutex_;
  std::map<Key, std::shared_ptr<const Split>> splits_;
};

}  // namespace dspy::server
