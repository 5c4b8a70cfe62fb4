#include "providers/protocol.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <format>

namespace dspy::providers {

void Notes::dropped(std::string_view field, std::string_view reason, Json asked) {
  add(Adaptation::Action::dropped, field, reason, std::move(asked), {});
}

void Notes::add(Adaptation::Action action, std::string_view field, std::string_view reason, Json asked, Json applied) {
  adaptations.push_back({.field = std::string(field),
                         .action = action,
                         .reason = std::string(reason),
                         .asked = std::move(asked),
                         .applied = std::move(applied)});
}

std::size_t Emitter::index_of(std::string_view kind) {
  const auto found = std::ranges::find(parts_, kind);
  const auto index = static_cast<std::size_t>(found - parts_.begin());
  if (found == parts_.end()) parts_.emplace_back(kind);
  return index;
}

void Emitter::start(std::string_view id, std::string_view model) {
  if (!sink_ || std::exchange(started_, true)) return;
  Reply known(Completion{});
  known.id = id;
  known.model = model;
  known.usage.requests = 1;
  sink_({.kind = StreamEvent::Kind::start, .reply = &known});
}

void Emitter::text(std::string_view piece, std::string_view key) {
  if (!sink_ || piece.empty()) return;
  sink_({.kind = StreamEvent::Kind::text, .text = piece, .part_index = index_of(key)});
}

void Emitter::reasoning(std::string_view piece, std::string_view key) {
  if (!sink_ || piece.empty()) return;
  sink_({.kind = StreamEvent::Kind::reasoning, .text = piece, .part_index = index_of(key)});
}

void Emitter::tool_call(std::string_view key, std::string_view id, std::string_view name, std::string_view piece) {
  if (!sink_) return;
  const Part call(ToolCallPart{.id = std::string(id), .name = std::string(name)});
  sink_({.kind = StreamEvent::Kind::tool_call,
         .text = piece,
         .part_index = index_of(std::format("call {}", key)),
         .part = &call});
}

void Emitter::part(const Part& whole) {
  if (!sink_) return;
  sink_(
      {.kind = StreamEvent::Kind::part, .part_index = index_of(std::format("part {}", parts_.size())), .part = &whole});
}

void Emitter::continuation(const Part& part) {
  if (!sink_) return;
  sink_({.kind = StreamEvent::Kind::continuation, .part_index = parts_.empty() ? 0 : parts_.size() - 1, .part = &part});
}

const Protocol& protocol_of(Api api) noexcept {
  switch (api) {
    case Api::chat: return chat_protocol;
    case Api::responses: return responses_protocol;
    case Api::anthropic: return anthropic_protocol;
    case Api::gemini: return gemini_protocol;
    case Api::ollama: return ollama_protocol;
  }
  std::unreachable();
}

JsonObject event_object(const Dialect& dialect, std::string_view data) {
  auto json = parse_json(data);
  if (!json || !json->is_object()) {
    throw Error(Errc::stream_broken,
                std::format("{} sent an event that is not a JSON object; try again", dialect.title),
                {.provider = std::string(dialect.name), .raw = std::string(data.substr(0, 4096))});
  }
  return std::move(json->get_object());
}

void broken_stream(const Dialect& dialect, std::string raw) {
  throw Error(Errc::stream_broken,
              std::format("{}: the stream ended before the reply was complete, after {} bytes of text; try again",
                          dialect.title, raw.size()),
              {.provider = std::string(dialect.name), .raw = std::move(raw)});
}

}  // namespace dspy::providers
