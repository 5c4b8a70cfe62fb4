#include "server/optimizing/event_log.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/optimize/kernel/report.hpp"
#include "dspy/server/iso_time.hpp"

#include <chrono>
#include <filesystem>
#include <format>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

std::string_view kind_of(optimize::Event::Kind kind) {
  switch (kind) {
    case optimize::Event::Kind::candidate: return "candidate";
    case optimize::Event::Kind::minibatch: return "minibatch";
    case optimize::Event::Kind::evaluated: return "evaluated";
    case optimize::Event::Kind::proposed: return "proposed";
    case optimize::Event::Kind::note: return "note";
  }
  std::unreachable();
}

}  // namespace

JsonObject to_json(const optimize::Event& event) {
  using Kind = optimize::Event::Kind;
  JsonObject out{{"kind", kind_of(event.kind)}, {"at", iso_time(std::chrono::system_clock::now())}};
  if (event.kind != Kind::note && event.kind != Kind::proposed) out["candidate"] = event.candidate;
  if (event.score) out["score"] = *event.score;
  if (event.best) out["best"] = *event.best;
  if (!event.text.empty()) out["text"] = event.text;
  out["requests"] = event.used.requests;
  if (const auto tokens = event.used.total_tokens()) out["tokens"] = *tokens;
  if (event.used.cost_nanodollars) out["cost"] = static_cast<double>(*event.used.cost_nanodollars) / 1e9;
  out["rollouts"] = event.rollouts;
  out["seconds"] = event.seconds;
  return out;
}

std::vector<JsonObject> read_events(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<JsonObject> out;
  for (std::string line; std::getline(file, line) && !file.eof();) {
    auto json = parse_json(line);
    if (json && json->is_object()) out.push_back(std::move(json->get_object()));
  }
  return out;
}

void append_event(const std::filesystem::path& path, const JsonObject& event) {
  std::ofstream file(path, std::ios::binary | std::ios::app);
  file << to_text(event) + "\n" << std::flush;
  if (!file) throw Error(Errc::io_error, std::format("`{}` cannot be written; is the disk full?", path.string()));
}

}  // namespace dspy::server
