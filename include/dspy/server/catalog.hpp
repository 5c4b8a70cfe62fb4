#pragma once

#include "dspy/lm/embedder.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/programs/program.hpp"
#include "dspy/signature/signature.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::server {

/// A served program.  Requests finish with the one they started with, even if it has been replaced.
struct ServedProgram {
  std::string name = {};     ///< As in `/v1/programs/{name}`.
  std::string version = {};  ///< Of the registry, or the hash of the file.
  std::string source = {};   ///< The file, or `registry:triage@production`.
  Program program;
  Signature signature;  ///< What it takes and returns, as a whole.
  std::chrono::system_clock::time_point loaded_at = {};
};

/// A served model.  Unsupported operations are null.
struct ServedModel {
  std::string name = {};
  std::shared_ptr<LM> lm = {};
  std::shared_ptr<Embedder> embedder = {};
  std::shared_ptr<Reranker> reranker = {};
};

/// What a server offers by name.  Calls may come from any thread; what is put in place of another takes effect for the
/// next request.
class Catalog {
 public:
  void put(ServedProgram program);
  void put(ServedModel model);
  /// Returns whether there was one.
  bool remove_program(std::string_view name);

  /// Null if there is none of that name.
  std::shared_ptr<const ServedProgram> program(std::string_view name) const;
  std::shared_ptr<const ServedModel> model(std::string_view name) const;
  /// By name.
  std::vector<std::shared_ptr<const ServedProgram>> programs() const;
  std::vector<std::shared_ptr<const ServedModel>> models() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const ServedProgram>, std::less<>> programs_;
  std::map<std::string, std::shared_ptr<const ServedModel>, std::less<>> models_;
};

}  // namespace dspy::server
