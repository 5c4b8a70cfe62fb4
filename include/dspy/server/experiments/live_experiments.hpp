#pragma once

#include "dspy/server/catalog.hpp"
#include "dspy/server/experiments/served_names.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/programs/splits.hpp"
#include "dspy/server/resources/workspace.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {

struct LiveExperimentOptions {
  Workspace workspace;
  std::shared_ptr<const Catalog> catalog = {};
  std::shared_ptr<Splits> splits = {};
  /// A version of a program that is served, as an arm calls it.  Throws `Error` that says why there is none.
  std::function<std::shared_ptr<const ServedProgram>(const std::string& program, const std::string& version)> version =
      {};
};

/// Experiments of a workspace that run: each divides the calls of its program, of its own tenant, among its arms.  An
/// arm's version is a version of the registry, or a program that is served under that name.  Thread-safe.
class LiveExperiments {
 public:
  explicit LiveExperiments(LiveExperimentOptions options) : options_(std::move(options)) {}

  /// Begins and ends what the files say, and tells other processes what is served here.
  void poll();
  /// Whether the program is served, so that an experiment divides its calls.  Throws `Error` (`bad_input`) for an arm
  /// that could not be served, or whose inputs and outputs are not the program's.
  bool check(const std::string& program, const std::vector<std::string>& versions) const;
  /// Throws `HttpError` (403) if the caller may not use the program and each of its arms: what is served under a name,
  /// by the key's models; versions of the registry, which belong to whoever runs the server, by keys of no tenant only.
  void require_may_start(const Caller& caller, const std::string& program,
                         const std::vector<std::string>& versions) const;
  /// A sentence for each experiment that runs and whose arms cannot be served.
  std::vector<std::string> problems() const;

 private:
  using Id = std::pair<std::string, std::string>;  ///< Tenant and name.
  struct Known {
    std::string stamp = {};    ///< Of the file.
    std::string program = {};  ///< That it divides; empty: none.
    std::string problem = {};
  };

  void tell_served();
  void poll_tenant(const std::string& tenant, std::map<Id, Known>& found);
  Known begin(const std::string& tenant, const std::string& id) const;
  std::shared_ptr<const ServedProgram> arm(const std::string& program, const std::string& version) const;

  LiveExperimentOptions options_;
  mutable std::mutex mutex_;
  std::map<Id, Known> known_;
  std::optional<ServedNames> served_;
};

}  // namespace dspy::server
