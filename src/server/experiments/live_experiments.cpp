#include "dspy/server/experiments/live_experiments.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"
#include "dspy/server/catalog.hpp"
#include "dspy/server/http.hpp"
#include "dspy/server/programs/splits.hpp"
#include "dspy/server/resources/workspace.hpp"
#include "dspy/server/routes.hpp"
#include "dspy/server/spending.hpp"
#include "dspy/signature/field.hpp"
#include "dspy/signature/signature.hpp"
#include "server/experiments/experiment_file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <format>
#include <map>
#include <memory>
#include <mutex>
#include <ranges>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

std::string stamp_of(const std::filesystem::path& path) {
  struct stat what = {};
  if (::stat(path.c_str(), &what) != 0) return "none";
  return std::format("{}.{:09} {} {}", what.st_mtim.tv_sec, what.st_mtim.tv_nsec, what.st_size, what.st_ino);
}

/// The tenant without a name, and those that have a folder.
std::vector<std::string> tenants_of(const Workspace& workspace) {
  std::vector<std::string> out = {""};
  std::error_code code;
  for (const auto& each : std::filesystem::directory_iterator(workspace.folder() / "tenants", code)) {
    auto name = each.path().filename().string();
    if (is_entry_name(name)) out.push_back(std::move(name));
  }
  return out;
}

/// Whether a caller of one can call the other: names and types, as optimizers may rewrite descriptions.
bool has_same_fields(const std::vector<Field>& a, const std::vector<Field>& b) {
  return std::ranges::equal(
      a, b, [](const Field& one, const Field& other) { return one.name == other.name && one.type == other.type; });
}

double weight_of(const JsonObject& arm) {
  const auto* const weight = arm.if_contains("weight");
  return weight != nullptr && weight->is_number() ? weight->to_number<double>() : 1;
}

}  // namespace

std::shared_ptr<const ServedProgram> LiveExperiments::arm(const std::string& program,
                                                          const std::string& version) const {
  if (auto served = options_.catalog->program(version)) return served;
  if (version.contains('@'))
    throw Error(
        Errc::bad_input,
        std::format(
            "the arm `{}` is an alias, which may be moved while the experiment runs; name the version it points to",
            version));
  auto now = options_.catalog->program(program);
  if (now && now->version == version) return now;
  if (!options_.version)
    throw Error(Errc::bad_input, std::format("the program `{}` is not served, and without a registry its versions "
                                             "cannot be found; give --registry, or serve it as {}=…",
                                             version, version));
  return options_.version(program, version);
}

bool LiveExperiments::check(const std::string& program, const std::vector<std::string>& versions) const {
  const auto served = options_.catalog->program(program);
  if (!served) return false;
  for (const auto& version : versions) {
    const auto other = arm(program, version);
    if (!has_same_fields(other->signature.inputs, served->signature.inputs) ||
        !has_same_fields(other->signature.outputs, served->signature.outputs))
      throw Error(Errc::bad_input,
                  std::format("the arm `{}` takes and gives `{}`, and `{}` is served with `{}`: callers of one would "
                              "not be those of the other",
                              version, to_notation(other->signature), program, to_notation(served->signature)),
                  {.invalid = {"arms"}});
  }
  return true;
}

void LiveExperiments::require_may_start(const Caller& caller, const std::string& program,
                                        const std::vector<std::string>& versions) const {
  const auto require = [](bool may, const std::string& name) {
    if (!may) throw HttpError(403, Errc::authentication_failed, std::format("this key may not use `{}`", name));
  };
  require(may_use(caller, program), program);
  for (const auto& version : versions)
    require(may_use(caller, version) && (caller.tenant.empty() || options_.catalog->program(version)), version);
}

LiveExperiments::Known LiveExperiments::begin(const std::string& tenant, const std::string& id) const {
  Known out;
  const auto done = attempt([&] {
    const auto experiment = read_experiment(options_.workspace, tenant, id);
    if (!experiment || experiment_text(*experiment, "state") != "running") return;
    const auto program = experiment_text(*experiment, "program");
    Split split{.experiment = id, .is_recorded = true};
    std::vector<std::string> versions;
    for (const auto& each : experiment->at("arms").as_array()) {
      const auto& given = each.as_object();
      versions.push_back(experiment_text(given, "version"));
      split.arms.push_back({.weight = weight_of(given), .name = experiment_text(given, "name")});
    }
    if (!check(program, versions)) return;
    for (std::size_t i = 0; i < versions.size(); ++i) {
      // Programs served under their own name are looked up at each call, since they may be reloaded.
      if (options_.catalog->program(versions[i])) {
        split.arms[i].program = versions[i];
      } else {
        if (!tenant.empty())
          throw Error(Errc::bad_input,
                      std::format("the arm `{}` is a version of the registry, which is not the tenant's", versions[i]));
        split.arms[i].version = arm(program, versions[i]);
      }
    }
    options_.splits->start(program, std::move(split), tenant);
    out.program = program;
  });
  if (!done) out.problem = std::format("the experiment `{}` divides no calls: {}", id, done.error().what());
  return out;
}

void LiveExperiments::poll_tenant(const std::string& tenant, std::map<Id, Known>& found) {
  for (const auto& entry : options_.workspace.list(tenant, "experiments", ".json")) {
    Id id(tenant, entry.id);
    auto stamp = stamp_of(entry.path);
    const auto before = known_.find(id);
    const bool is_known = before != known_.end();
    if (is_known && before->second.stamp == stamp && before->second.problem.empty()) {
      found.insert(known_.extract(before));
      continue;
    }
    const auto old = is_known ? known_.extract(before).mapped() : Known();
    if (!old.program.empty()) options_.splits->stop(old.program, tenant);
    auto now = begin(tenant, entry.id);
    now.stamp = std::move(stamp);
    if (!now.problem.empty() && now.problem != old.problem) log(LogLevel::warning, "server", now.problem);
    found.emplace(std::move(id), std::move(now));
  }
}

void LiveExperiments::tell_served() {
  const auto done = attempt([&] {
    if (!served_) served_.emplace(options_.workspace);
    std::set<std::string> names;
    for (const auto& program : options_.catalog->programs()) names.insert(program->name);
    served_->tell(std::move(names));
  });
  if (!done)
    log(LogLevel::warning, "server", std::format("others are not told what is served: {}", done.error().what()));
}

void LiveExperiments::poll() {
  const std::lock_guard lock(mutex_);
  tell_served();
  std::map<Id, Known> found;
  const auto done = attempt([&] {
    for (const auto& tenant : tenants_of(options_.workspace)) poll_tenant(tenant, found);
  });
  if (!done) log(LogLevel::warning, "server", std::format("experiments were not looked at: {}", done.error().what()));
  for (const auto& [id, gone] : known_) {
    if (!gone.program.empty()) options_.splits->stop(gone.program, id.first);
  }
  known_ = std::move(found);
}

std::vector<std::string> LiveExperiments::problems() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& known : known_ | std::views::values) {
    if (!known.problem.empty()) out.push_back(known.problem);
  }
  return out;
}

}  // namespace dspy::server
