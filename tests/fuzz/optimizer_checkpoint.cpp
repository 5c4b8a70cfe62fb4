// Checkpoints of optimizers: what is read is written the same, and nothing but an error comes of the rest.

#include "base/checked_line.hpp"
#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/exchange_json.hpp"
#include "optimize/kernel/records/checkpoint_record.hpp"
#include "optimize/kernel/records/journal_text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace dspy;
using namespace dspy::optimize;

JsonObject written(const CheckpointRecord& record) {
  JsonObject out = {{"key", record.key}};
  if (record.reply) out["reply"] = to_json(*record.reply);
  if (record.rollout) out["rollout"] = to_json(*record.rollout);
  if (record.score) out["score"] = to_json(*record.score);
  return out;
}

void read_record(const JsonObject& record) {
  try {
    const auto known = checkpoint_record_from_json(record);
    auto again = written(known);
    const auto first = to_text(again);
    again["kind"] = known.reply ? "reply" : known.rollout ? "rollout" : known.score ? "score" : "none";
    if (to_text(written(checkpoint_record_from_json(again))) != first) std::abort();
  } catch (const Error&) {
    return;  // a refusal with a message is an answer
  }
}

/// As the text of the run `run`: its good lines alone must hold the same records.
void read_text(std::string_view text, const JsonObject& run) {
  try {
    const auto found = read_journal(text, run, "run.jsonl");
    const auto again = read_journal(found.good, run, "run.jsonl");
    if (again.records != found.records || again.good != found.good || !again.damaged.empty()) std::abort();
    for (const auto& record : found.records) read_record(record);
  } catch (const Error&) {
    return;  // the text of another run, or of none
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_text(text, {{"optimizer", "test"}});
  // Line by line, with and without the checksums that random bytes seldom have.
  std::string sealed = checked_line({{"kind", "run"}, {"format", 1}, {"run", JsonObject{{"optimizer", "test"}}}});
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    const auto json = parse_json(text.substr(at, end - at));
    at = end + 1;
    if (!json || !json->is_object() || json->get_object().empty()) continue;
    auto record = json->get_object();
    record.erase("sum");
    if (record.empty()) continue;
    read_record(record);
    sealed += checked_line(record);
  }
  read_text(sealed, {{"optimizer", "test"}});
  return 0;
}
