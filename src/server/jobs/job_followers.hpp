#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/server/event_stream.hpp"
#include "dspy/server/jobs/job_store.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace dspy::server {

/// Who follows which job.  Thread-safe.
class JobFollowers {
 public:
  /// From now on the pipe receives the job's events, starting with its current state.
  void follow(const JobStore& store, std::string_view id, std::shared_ptr<Pipe> pipe);
  /// Closes the pipes of a job that is over.
  void tell(const Job& job);
  void tell_field(std::string_view id, const FieldEvent& event);
  void close();

 private:
  std::mutex mutex_;
  std::multimap<std::string, std::shared_ptr<Pipe>, std::less<>> pipes_;
};

}  // namespace dspy::server
