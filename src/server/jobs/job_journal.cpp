#include "server/jobs/job_journal.hpp"

#include "dspy/agents/agent_event.hpp"
#include "dspy/agents/approval.hpp"
#include "dspy/agents/journal.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/log.hpp"

#include <chrono>
#include <filesystem>
#include <format>
#include <string>
#include <system_error>

namespace dspy::server {

void deny_waiting(const std::filesystem::path& journal, const JsonArray& waiting) {
  std::error_code code;
  if (waiting.empty() || !std::filesystem::is_regular_file(journal, code)) return;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto written = attempt([&] {
    JournalContent content;
    const auto open = AgentJournal::go_on(journal, content);
    for (const auto& call : waiting) {
      open->add({.kind = AgentEvent::Kind::decided,
                 .at = std::chrono::duration_cast<std::chrono::milliseconds>(now).count(),
                 .call = std::string(view(call.at("call").as_string())),
                 .decision = Verdict::deny("the job was cancelled")});
    }
    open->flush();
  });
  if (!written)
    log(LogLevel::warning, "server",
        std::format("a cancelled job's journal says nothing of it: {}", written.error().what()));
}

}  // namespace dspy::server
