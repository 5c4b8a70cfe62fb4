#include "server/jobs/job_followers.hpp"

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/event_stream.hpp"
#include "dspy/server/jobs/job_store.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::server {

void JobFollowers::follow(const JobStore& store, std::string_view id, std::shared_ptr<Pipe> pipe) {
  const std::lock_guard lock(mutex_);
  // Under the mutex, so that no change between reading and listening is missed.
  const auto job = store.find(id);
  if (job) pipe->push(sent_event("state", to_json(*job)));
  if (!job || is_over(job->state)) {
    pipe->close();
  } else {
    pipes_.emplace(std::string(id), std::move(pipe));
  }
}

void JobFollowers::tell(const Job& job) {
  const std::lock_guard lock(mutex_);
  const auto [first, last] = pipes_.equal_range(job.id);
  for (auto it = first; it != last; ++it) {
    it->second->push(sent_event("state", to_json(job)));
    if (is_over(job.state)) it->second->close();
  }
  if (is_over(job.state)) pipes_.erase(first, last);
}

void JobFollowers::tell_field(std::string_view id, const FieldEvent& event) {
  const std::lock_guard lock(mutex_);
  const auto [first, last] = pipes_.equal_range(id);
  if (first == last) return;
  JsonObject data = {{"field", event.field}, {"text", event.text}};
  if (event.restart) data["restart"] = true;
  const auto text = sent_event("field", data);
  for (auto it = first; it != last; ++it) it->second->push(text);
}

void JobFollowers::close() {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, pipe] : pipes_) pipe->close();
}

}  // namespace dspy::server
