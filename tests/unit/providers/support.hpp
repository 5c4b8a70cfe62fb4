#pragma once

#include "dspy/base/file.hpp"
#include "dspy/base/json.hpp"
#include "dspy/http/simulated_transport.hpp"
#include "dspy/lm/events.hpp"
#include "dspy/lm/part.hpp"
#include "dspy/lm/reply.hpp"
#include "dspy/providers/dialect.hpp"
#include "dspy/providers/provider_lm.hpp"
#include "providers/protocol.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <format>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::test {

inline JsonArray cases_of(const std::string& name) {
  const auto path = std::filesystem::path(DSPY_TEST_DIR) / "cases" / "providers" / (name + ".json");
  auto json = parse_json(read_text(path, 1 << 24));
  REQUIRE(json.has_value());
  return json->as_array();
}

inline std::string text_of(const JsonObject& object, std::string_view name, std::string_view otherwise = {}) {
  const auto* const found = object.if_contains(name);
  return found != nullptr ? std::string(view(found->as_string())) : std::string(otherwise);
}

inline bool flag_of(const JsonObject& object, std::string_view name) {
  const auto* const found = object.if_contains(name);
  return found != nullptr && found->as_bool();
}

inline const Dialect& dialect_of(const JsonObject& entry) {
  const auto* const found = find_dialect(text_of(entry, "dialect"));
  REQUIRE(found != nullptr);
  return *found;
}

inline Api api_of(const JsonObject& entry) {
  return text_of(entry, "api") == "responses" ? Api::responses : dialect_of(entry).api;
}

/// Events as they go over the wire.
inline std::string wire_of(const JsonArray& events, Api api) {
  std::string out;
  for (const auto& event : events) {
    const auto data = event.is_string() ? std::string(view(event.get_string())) : to_text(event);
    const auto* const object = event.if_object();
    if (api == Api::ollama) {
      out += data + "\n";
    } else if (object != nullptr && (api == Api::anthropic || api == Api::responses)) {
      out += std::format("event: {}\ndata: {}\n\n", text_of(*object, "type"), data);
    } else {
      out += std::format("data: {}\n\n", data);
    }
  }
  return out;
}

/// What a stream handed out, put together.
struct Told {
  std::string text = {};
  std::string reasoning = {};
  std::vector<std::string> calls = {};  ///< `id name input`, in the order in which they began.
  std::string started = {};             ///< The id and the model.
  std::size_t whole = 0;                ///< Parts that came whole: citations, refusals, media.

  void take(const StreamEvent& event) {
    using Kind = StreamEvent::Kind;
    if (event.kind == Kind::start) started = event.reply->id + " " + event.reply->model;
    if (event.kind == Kind::text) text += event.text;
    if (event.kind == Kind::reasoning) reasoning += event.text;
    if (event.kind == Kind::part) ++whole;
    if (event.kind != Kind::tool_call) return;
    const auto* const call = event.part->get<ToolCallPart>();
    if (parts_.empty() || parts_.back() != event.part_index) {
      parts_.push_back(event.part_index);
      calls.push_back(call->id + " " + call->name + " ");
    }
    calls.back() += event.text;
  }

 private:
  std::vector<std::size_t> parts_;
};

inline http::Headers type_of(Api api, bool stream) {
  return {{"Content-Type", !stream              ? "application/json"
                           : api == Api::ollama ? "application/x-ndjson"
                                                : "text/event-stream"}};
}

/// A model of `provider` over a simulated transport.
struct Remote {
  std::shared_ptr<http::SimulatedTransport> transport = std::make_shared<http::SimulatedTransport>();
  std::shared_ptr<ProviderLM> lm;

  explicit Remote(std::string_view provider, RemoteOptions options = {}) {
    if (options.model.empty()) options.model = "m";
    if (options.base_url.empty() && find_dialect(provider)->base_url.empty())
      options.base_url = "https://example.org/v1";
    options.api_key = Secret("sk-canary-0123456789");
    options.transport = transport;
    lm = std::make_shared<ProviderLM>(*find_dialect(provider), std::move(options));
  }
};

}  // namespace dspy::test
